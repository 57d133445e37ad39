"""Who may launch, copy and decrypt, given and taken over the wire; the other account is one of the sandbox's."""

from __future__ import annotations

import pytest
from botocore.stub import ANY, Stubber

from cws_build.drivers.aws import Account
from cws_build.errors import CloudError, ResourceNotFound
from cws_build.ports.images import Access
from tests.image_box import HOME, STRANGER, box_in
from tests.sandbox import rig

ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-abcdefghij"
UNIT = "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-ab12-cdefghij"
THEM = Access(accounts=(STRANGER,))


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with box_in(tmp_path_factory.mktemp("sharing")) as box:
        yield box


@pytest.fixture
def key(box):
    """Make a key of the account's own; return its ARN."""
    return box.client("kms").create_key()["KeyMetadata"]["Arn"]


def theirs(box):
    """Return the other account."""
    return Account(region=HOME, endpoint=box.account.endpoint, credentials=(STRANGER, "secret"))


def test_accounts_organizations_and_units_are_given_in_one_call_and_taken_one_by_one(box):
    image = box.image()
    everyone = Access(accounts=("111122223333", STRANGER), organizations=(ORGANIZATION,), units=(UNIT,))
    box.images.share(image, everyone)
    assert box.images.detail(image).launch == everyone
    box.images.unshare(image, Access(accounts=("111122223333",), units=(UNIT,)))
    assert box.images.detail(image).launch == Access(accounts=(STRANGER,), organizations=(ORGANIZATION,))


def test_nothing_to_share_is_no_call():
    account = Account(region=HOME, credentials=("key", "secret"))
    with Stubber(account.client("ec2", HOME)):
        account.images().share("ami-1", Access())
        account.images().share_snapshots(["snap-1"], Access(organizations=(ORGANIZATION,)))


def test_what_is_shared_to_launch_can_be_seen_and_what_is_shared_to_copy_can_be_copied(box):
    image = box.image()
    with pytest.raises(ResourceNotFound):
        theirs(box).images().detail(image)
    box.images.share(image, THEM)
    seen = theirs(box).images().detail(image)
    assert (seen.ami.id, seen.launch, seen.snapshot_access) == (image, Access(), {})
    snapshots = box.images.detail(image).ami.snapshots
    assert theirs(box).cloud().snapshots(snapshots) == frozenset()
    box.images.share_snapshots(snapshots, THEM)
    assert box.images.detail(image).snapshot_access == dict.fromkeys(snapshots, THEM)
    assert theirs(box).cloud().snapshots(snapshots) == frozenset(snapshots)
    box.images.unshare_snapshots(snapshots, THEM)
    assert box.images.detail(image).snapshot_access == dict.fromkeys(snapshots, Access())


def test_making_public_is_refused_by_the_regions_block_with_another_way(box):
    image = box.image()
    with pytest.raises(CloudError) as caught:
        box.images.share(image, Access(public=True))
    assert caught.value.details["aws_code"] == "OperationNotPermitted"
    assert "cws-build ami share" in caught.value.hint
    assert box.images.public_access().images == "block-new-sharing"


def test_where_the_block_is_off_public_images_are_counted_up_to_the_quota(box):
    region = "us-west-2"
    ec2, images = box.client("ec2", region), box.account.images(region)
    ec2.disable_image_block_public_access()
    base = box.account.cloud(region).parameter("/aws/service/debian/release/12/latest/amd64")
    machine = rig.run(ec2, ImageId=base)
    quota = images.public_access().quota
    assert quota == 5
    for number in range(quota + 1):
        made = ec2.create_image(InstanceId=machine["InstanceId"], Name=f"public-{number}")["ImageId"]
        box.settled(made, region)
        if number < quota:
            images.share(made, Access(public=True))
    assert images.public_access().count == quota
    with pytest.raises(CloudError) as caught:
        images.share(made, Access(public=True))
    assert caught.value.code == "limit_exceeded"
    assert "cws-build ami unshare" in caught.value.hint


def test_a_key_is_granted_once_and_its_accounts_are_known(box, key):
    name = f"alias/{key[-12:]}"
    box.client("kms").create_alias(AliasName=name, TargetKeyId=key)
    grant = box.images.share_key(name, STRANGER)
    assert box.images.share_key(key, STRANGER) == grant
    box.images.share_key(key, "111122223333")
    assert box.images.key_accounts(name) == ("111122223333", STRANGER)
    found = {one["GrantId"]: one for one in box.client("kms").list_grants(KeyId=key)["Grants"]}
    assert len(found) == 2
    assert found[grant]["GranteePrincipal"] == f"arn:aws:iam::{STRANGER}:root"
    assert {"CreateGrant", "Decrypt", "DescribeKey", "ReEncryptFrom"} <= set(found[grant]["Operations"])


def test_only_our_own_grants_are_revoked(box, key):
    words = {"GranteePrincipal": f"arn:aws:iam::{STRANGER}:root", "Operations": ["Decrypt"]}
    box.client("kms").create_grant(KeyId=key, Name="of-somebody", **words)
    box.images.share_key(key, STRANGER)
    box.images.unshare_key(key, STRANGER)
    assert box.images.key_accounts(key) == ()
    assert [one["Name"] for one in box.client("kms").list_grants(KeyId=key)["Grants"]] == ["of-somebody"]
    box.images.unshare_key(key, STRANGER)


def test_the_partition_of_a_grant_is_its_keys():
    arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/1"
    account = Account(region="cn-north-1", credentials=("key", "secret"))
    with Stubber(account.client("kms", "cn-north-1")) as stub:
        stub.add_response("describe_key", {"KeyMetadata": {"KeyId": "1", "Arn": arn, "KeyManager": "CUSTOMER"}})
        stub.add_response("list_grants", {"Grants": [], "Truncated": False})
        asked = {
            "KeyId": arn,
            "GranteePrincipal": f"arn:aws-cn:iam::{STRANGER}:root",
            "Operations": ANY,
            "Name": f"cws-build:share:{STRANGER}",
        }
        stub.add_response("create_grant", {"GrantId": "g"}, asked)
        assert account.images().share_key("1", STRANGER) == "g"


def test_amazons_own_key_is_refused_before_a_grant_is_tried(box):
    with pytest.raises(CloudError) as caught:
        box.images.share_key(box.images.encryption().key, STRANGER)
    assert "cannot be shared" in caught.value.message
    assert "cws-build ami copy" in caught.value.hint


def test_a_key_that_is_not_there_is_not_found(box):
    with pytest.raises(ResourceNotFound):
        box.images.share_key("alias/nothing", STRANGER)
