"""Keys and encryption: what a copy is encrypted with, whose key it is, and what another account can do without it."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from cws_build.sandbox.records import ACCOUNT
from sandbox import rig
from sandbox.test_shapes import Watched

OTHER = "210987654321"
ROOT = f"arn:aws:iam::{OTHER}:root"
NEEDED = ["Decrypt", "DescribeKey", "CreateGrant", "ReEncryptFrom"]
LOST = "Given key ID is not accessible"


@pytest.fixture(scope="module")
def kms(sandbox):
    return rig.client(sandbox, "kms")


@pytest.fixture(scope="module")
def plain(ec2):
    return rig.make_image(ec2, "plain")


@pytest.fixture
def key(kms):
    return kms.create_key(Description="for images")["KeyMetadata"]["Arn"]


@pytest.fixture
def sealed(ec2, plain, key, request):
    """Return an image in us-east-1 that is encrypted with a key of its own, and shared with another account."""
    name = f"{request.node.name[:100]} sealed".replace("[", "(").replace("]", ")")
    made = ec2.copy_image(**copy(plain, Name=name, Encrypted=True, KmsKeyId=key))["ImageId"]
    image = rig.image_in_state(ec2, made)
    add = {"Add": [{"UserId": OTHER}]}
    ec2.modify_image_attribute(ImageId=made, LaunchPermission=add)
    ec2.modify_snapshot_attribute(SnapshotId=snapshot(image), CreateVolumePermission=add)
    return image


def copy(image, **words):
    return {"SourceImageId": image["ImageId"], "SourceRegion": "us-east-1", "Name": image["Name"], **words}


def snapshot(image):
    return image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]


def told(ec2, image):
    """Describe the snapshot of an image."""
    return ec2.describe_snapshots(SnapshotIds=[snapshot(image)])["Snapshots"][0]


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_the_default_key_of_a_region_is_amazons_until_another_is_chosen(sandbox, plain):
    ec2, kms = rig.client(sandbox, region="ap-south-1"), rig.client(sandbox, "kms", "ap-south-1")
    asked = Watched(ec2)
    assert asked("get_ebs_default_kms_key_id")["KmsKeyId"] == "alias/aws/ebs"
    assert asked("get_ebs_encryption_by_default")["EbsEncryptionByDefault"] is False
    assert asked("enable_ebs_encryption_by_default")["EbsEncryptionByDefault"] is True
    made = rig.image_in_state(ec2, ec2.copy_image(**copy(plain))["ImageId"])
    amazons = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]
    assert (amazons["KeyManager"], told(ec2, made)["KmsKeyId"]) == ("AWS", amazons["Arn"])
    add = {"Add": [{"UserId": OTHER}]}
    refusal = ("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
    assert refused(ec2.modify_image_attribute, ImageId=made["ImageId"], LaunchPermission=add) == refusal
    mine = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/mine", TargetKeyId=mine["KeyId"])
    assert asked("modify_ebs_default_kms_key_id", KmsKeyId="alias/mine")["KmsKeyId"] == mine["Arn"]
    assert asked("get_ebs_default_kms_key_id")["KmsKeyId"] == mine["Arn"]
    made = rig.image_in_state(ec2, ec2.copy_image(**copy(plain, Name="mine"))["ImageId"])
    assert told(ec2, made)["KmsKeyId"] == mine["Arn"]
    ec2.modify_image_attribute(ImageId=made["ImageId"], LaunchPermission=add)
    machine = rig.run(ec2)
    volume = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [machine["InstanceId"]]}])
    assert [(one["Encrypted"], one["KmsKeyId"]) for one in volume["Volumes"]] == [(True, mine["Arn"])]
    image = ec2.create_image(InstanceId=machine["InstanceId"], Name="of an encrypted disk")["ImageId"]
    assert told(ec2, rig.image_in_state(ec2, image))["KmsKeyId"] == mine["Arn"]
    assert refused(ec2.modify_ebs_default_kms_key_id, KmsKeyId="alias/none")[0] == "InvalidParameterValue"
    assert asked("reset_ebs_default_kms_key_id")["KmsKeyId"] == "alias/aws/ebs"
    assert asked("disable_ebs_encryption_by_default")["EbsEncryptionByDefault"] is False
    assert asked.seen == {name: [] for name in asked.seen}


def test_encryption_is_added_and_never_taken_away(sandbox, ec2, plain, sealed, key):
    assert told(ec2, sealed)["KmsKeyId"] == key
    west = rig.client(sandbox, region="us-west-2")
    assert refused(west.copy_image, **copy(sealed, Encrypted=False))[1] == (
        "Creating an unencrypted copy from an encrypted snapshot is not supported"
    )
    assert refused(west.copy_image, **copy(plain, KmsKeyId="alias/x"))[0] == "InvalidParameterDependency"
    made = rig.image_in_state(west, west.copy_image(**copy(sealed))["ImageId"])
    assert told(west, made)["KmsKeyId"].startswith(f"arn:aws:kms:us-west-2:{ACCOUNT}:key/")


def test_a_key_of_another_region_makes_the_copy_fail_later(sandbox, plain, key):
    west = rig.client(sandbox, region="us-west-2")
    made = west.copy_image(**copy(plain, Name="wrong key", Encrypted=True, KmsKeyId=key))["ImageId"]
    image = rig.image_in_state(west, made, "failed")
    assert image["StateReason"]["Message"] == LOST
    found = told(west, image)
    assert (found["State"], found["StateMessage"]) == ("error", LOST)


def test_without_a_grant_another_account_neither_launches_nor_copies(sandbox, kms, sealed, key):
    other, west = (rig.client(sandbox, region=region, account=OTHER) for region in ("us-east-1", "us-west-2"))
    request = {"ImageId": sealed["ImageId"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    machine = other.run_instances(**request)["Instances"][0]["InstanceId"]
    ended = rig.in_state(other, machine, "terminated")
    assert ended["StateReason"] == {
        "Code": "Client.InternalError",
        "Message": "Client.InternalError: Client error on launch",
    }
    failed = rig.image_in_state(west, west.copy_image(**copy(sealed, Name="no grant"))["ImageId"], "failed")
    assert failed["StateReason"]["Message"] == LOST
    grant = kms.create_grant(KeyId=key, GranteePrincipal=ROOT, Operations=NEEDED, Name="copy")["GrantId"]
    assert rig.run(other, ImageId=sealed["ImageId"])["ImageId"] == sealed["ImageId"]
    made = rig.image_in_state(west, west.copy_image(**copy(sealed))["ImageId"])
    assert told(west, made)["KmsKeyId"].startswith(f"arn:aws:kms:us-west-2:{OTHER}:key/")
    kms.revoke_grant(KeyId=key, GrantId=grant)
    rig.image_in_state(west, west.copy_image(**copy(sealed, Name="revoked"))["ImageId"], "failed")


def test_a_key_policy_lets_another_account_in_too(sandbox, kms, sealed, key):
    allow = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*"}
    actions = ["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant", "kms:ReEncrypt*"]
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Action": actions}]}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    west = rig.client(sandbox, region="us-west-2", account=OTHER)
    rig.image_in_state(west, west.copy_image(**copy(sealed))["ImageId"])


def test_a_key_that_is_disabled_is_of_no_use_to_its_owner(kms, ec2, sealed, key):
    kms.disable_key(KeyId=key)
    failed = ec2.copy_image(**copy(sealed, Name="disabled"))["ImageId"]
    assert rig.image_in_state(ec2, failed, "failed")["StateReason"]["Message"] == LOST
    kms.enable_key(KeyId=key)
    assert rig.run(ec2, ImageId=sealed["ImageId"])["State"]["Name"] == "running"


def test_grants_are_given_once_found_and_taken_back(sandbox, kms, key):
    wanted = {"KeyId": key, "GranteePrincipal": ROOT, "Operations": NEEDED, "Name": "cws"}
    theirs = rig.client(sandbox, "kms", account=OTHER)
    assert refused(theirs.describe_key, KeyId=key)[0] == "AccessDeniedException"
    first = kms.create_grant(**wanted)
    assert kms.create_grant(**wanted)["GrantId"] == first["GrantId"]
    found = kms.list_grants(KeyId=key)["Grants"]
    assert [(one["GrantId"], one["KeyId"], one["Operations"]) for one in found] == [(first["GrantId"], key, NEEDED)]
    assert found[0]["IssuingAccount"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert found[0]["CreationDate"]
    assert kms.list_grants(KeyId=key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:root")["Grants"] == []
    assert theirs.describe_key(KeyId=key)["KeyMetadata"]["AWSAccountId"] == ACCOUNT
    for number in range(3):
        kms.create_grant(**{**wanted, "Name": f"more {number}"})
    pages = kms.get_paginator("list_grants").paginate(KeyId=key, PaginationConfig={"PageSize": 2})
    assert [len(page["Grants"]) for page in pages] == [2, 2]
    kms.revoke_grant(KeyId=key, GrantId=first["GrantId"])
    assert first["GrantId"] not in {one["GrantId"] for one in kms.list_grants(KeyId=key)["Grants"]}
    assert refused(kms.revoke_grant, KeyId=key, GrantId=first["GrantId"])[0] == "NotFoundException"
    assert refused(kms.create_grant, **{**wanted, "KeyId": f"{key[:-1]}x"})[0] == "NotFoundException"
    assert refused(kms.create_grant, **{**wanted, "GranteePrincipal": OTHER})[0] == "InvalidArnException"
    assert refused(theirs.list_grants, KeyId=key)[0] == "AccessDeniedException"


def test_what_is_encrypted_is_not_made_public(ec2, sealed):
    public = {"Add": [{"Group": "all"}]}
    words = {"ImageId": sealed["ImageId"], "LaunchPermission": public}
    assert refused(ec2.modify_image_attribute, **words)[0] == "OperationNotPermitted"


def test_keys_grants_and_defaults_survive_down_and_up(tmp_path):
    with rig.running(tmp_path / "state") as sandbox:
        kms, ec2 = rig.client(sandbox, "kms"), rig.client(sandbox)
        tags = [{"TagKey": "a", "TagValue": "b"}]
        key = kms.create_key(Description="kept", Tags=tags)["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName="alias/kept", TargetKeyId=key.rpartition("/")[2])
        kms.create_grant(KeyId=key, GranteePrincipal=ROOT, Operations=NEEDED, Name="kept")
        secret = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
        ec2.enable_ebs_encryption_by_default()
        ec2.modify_ebs_default_kms_key_id(KmsKeyId=key)

        def picture():
            kms, ec2 = rig.client(sandbox, "kms"), rig.client(sandbox)
            return [
                kms.describe_key(KeyId="alias/kept")["KeyMetadata"],
                kms.list_grants(KeyId=key)["Grants"],
                kms.list_resource_tags(KeyId=key)["Tags"],
                kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
                kms.decrypt(CiphertextBlob=secret)["Plaintext"],
                ec2.get_ebs_default_kms_key_id()["KmsKeyId"],
                ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"],
            ]

        before = picture()
        assert before[4] == b"secret"
        sandbox.down(rig.quiet)
        sandbox.up(rig.quiet)
        assert picture() == before
