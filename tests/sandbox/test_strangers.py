"""Images of other accounts: who sees, launches and copies them, and what the marketplace and licences forbid."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from cws_build.errors import InputError
from cws_build.sandbox.records import Stranger, Subscription
from sandbox import rig

OTHER = "210987654321"
PRODUCT = "prod-abcdefghijklm"
ALIAS = f"/aws/service/marketplace/{PRODUCT}"


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    found = error.value.response
    return found["Error"]["Code"], found["Error"]["Message"], found["ResponseMetadata"]["HTTPStatusCode"]


def request(image):
    return {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}


def copy(image):
    return {"SourceImageId": image, "SourceRegion": "us-east-1", "Name": f"copy of {image}"}


def listed(ec2, **words):
    return {image["ImageId"] for image in ec2.describe_images(**words)["Images"]}


def test_a_public_image_of_a_stranger_is_found_and_launched_but_not_copied(sandbox, ec2):
    placed = sandbox.add_image(Stranger(name="python-ml-9.9", created=time.time() + 60))
    found = rig.image(ec2, placed.image_id)
    assert (found["OwnerId"], found["Public"], found["State"]) == (OTHER, True, "available")
    assert placed.image_id in listed(ec2, Filters=[{"Name": "name", "Values": ["python-ml-*"]}])
    assert placed.image_id in listed(ec2, Owners=[OTHER])
    assert placed.image_id not in listed(ec2, Owners=["self"])
    assert rig.run(ec2, ImageId=placed.image_id)["ImageId"] == placed.image_id
    west = rig.client(sandbox, region="us-west-2")
    assert refused(west.copy_image, **copy(placed.image_id))[:2] == (
        "InvalidRequest",
        "You do not have permission to access the storage of this ami",
    )
    assert ec2.describe_snapshots(OwnerIds=[OTHER])["Snapshots"] == []
    west_copy = {"SourceSnapshotId": placed.snapshot_id, "SourceRegion": "us-east-1"}
    assert refused(west.copy_snapshot, **west_copy)[0] == "InvalidSnapshot.NotFound"


def test_an_image_whose_owner_shares_its_snapshots_can_be_copied(sandbox, ec2):
    placed = sandbox.add_image(Stranger(name="open", copyable=True, size=11))
    assert [s["VolumeSize"] for s in ec2.describe_snapshots(OwnerIds=[OTHER])["Snapshots"]] == [11]
    west = rig.client(sandbox, region="us-west-2")
    assert rig.image_in_state(west, west.copy_image(**copy(placed.image_id))["ImageId"])["SourceImageId"] == (
        placed.image_id
    )


def test_a_private_image_of_a_stranger_is_seen_by_those_it_is_shared_with(sandbox, ec2):
    hidden = sandbox.add_image(Stranger(name="hidden", public=False)).image_id
    shared = sandbox.add_image(Stranger(name="shared", public=False, users=["123456789012"])).image_id
    assert {hidden, shared} & listed(ec2, Owners=[OTHER]) == {shared}
    assert {hidden, shared} & listed(ec2, ExecutableUsers=["self"]) == {shared}
    assert refused(ec2.describe_images, ImageIds=[hidden])[0] == "InvalidAMIID.NotFound"
    assert refused(ec2.run_instances, **request(hidden))[:2] == (
        "AuthFailure",
        f"Not authorized for images: [{hidden}]",
    )
    assert rig.run(ec2, ImageId=shared)["ImageId"] == shared


def test_an_image_that_its_owner_deregisters_vanishes(sandbox, ec2):
    placed = sandbox.add_image(Stranger(name="vanishes"))
    sandbox.remove_image(placed)
    assert ec2.describe_images(ImageIds=[placed.image_id])["Images"] == []
    assert refused(ec2.run_instances, **request(placed.image_id))[0] == "InvalidAMIID.NotFound"
    with pytest.raises(InputError):
        sandbox.remove_image(placed)


def test_deprecated_and_disabled_images_of_strangers(sandbox, ec2):
    old = sandbox.add_image(Stranger(name="old", deprecated=time.time() - 60)).image_id
    off = sandbox.add_image(Stranger(name="off", state="disabled")).image_id
    assert {old, off} & listed(ec2, Owners=[OTHER]) == set()
    assert {old, off} & listed(ec2, Owners=[OTHER], IncludeDeprecated=True) == {old}
    assert rig.image(ec2, old)["DeprecationTime"]
    assert rig.run(ec2, ImageId=old)["ImageId"] == old, "by its id a deprecated image still launches"
    assert refused(ec2.run_instances, **request(off))[0] == "InvalidAMIID.Unavailable"


def test_a_marketplace_product_needs_a_subscription_and_stays_in_its_region(sandbox, ec2):
    placed = sandbox.add_image(
        Stranger(
            name="rstudio-pro-2.1",
            owner="679593333241",
            alias="aws-marketplace",
            product_codes=["abc123"],
            parameters=[f"{ALIAS}/2.1", f"{ALIAS}/latest"],
        )
    )
    ssm = rig.client(sandbox, "ssm")
    assert ssm.get_parameter(Name=f"{ALIAS}/latest")["Parameter"]["Value"] == placed.image_id
    named = ssm.get_parameters_by_path(Path=ALIAS, Recursive=True)["Parameters"]
    assert {parameter["Name"] for parameter in named} == {f"{ALIAS}/2.1", f"{ALIAS}/latest"}
    by_code = [{"Name": "product-code", "Values": ["abc123"]}]
    found = ec2.describe_images(Owners=["aws-marketplace"], Filters=by_code)["Images"][0]
    assert (found["ImageId"], found["ImageOwnerAlias"]) == (placed.image_id, "aws-marketplace")
    assert found["ProductCodes"] == [{"ProductCodeId": "abc123", "ProductCodeType": "marketplace"}]
    code, message, status = refused(ec2.run_instances, **request(f"resolve:ssm:{ALIAS}/2.1"))
    assert (code, status) == ("OptInRequired", 401)
    assert message.endswith("please visit https://aws.amazon.com/marketplace/pp?sku=abc123")
    sandbox.subscribe(Subscription(product_code="abc123"))
    assert rig.run(ec2, ImageId=f"resolve:ssm:{ALIAS}/2.1")["ImageId"] == placed.image_id
    west = rig.client(sandbox, region="us-west-2")
    assert refused(west.copy_image, **copy(placed.image_id))[:2] == (
        "InvalidRequest",
        "Images from AWS Marketplace cannot be copied to another AWS account",
    )
    sandbox.subscribe(Subscription(product_code="abc123", active=False))
    assert refused(ec2.run_instances, **request(placed.image_id))[0] == "OptInRequired"


def test_a_newer_version_becomes_the_value_of_the_alias(sandbox):
    first = sandbox.add_image(Stranger(name="a 1", parameters=["/aws/service/marketplace/prod-x/latest"]))
    second = sandbox.add_image(Stranger(name="a 2", parameters=["/aws/service/marketplace/prod-x/latest"]))
    ssm = rig.client(sandbox, "ssm")
    values = [ssm.get_parameter(Name=f"/aws/service/marketplace/prod-x/latest{v}") for v in ("", ":1")]
    assert [v["Parameter"]["Value"] for v in values] == [second.image_id, first.image_id]


def test_billing_products_cannot_be_copied(sandbox):
    licensed = Stranger(
        name="rhel", copyable=True, usage_operation="RunInstances:0010", platform_details="Red Hat Enterprise Linux"
    )
    west = rig.client(sandbox, region="us-west-2")
    assert refused(west.copy_image, **copy(sandbox.add_image(licensed).image_id))[1] == (
        "Images with EC2 BillingProduct codes cannot be copied to another AWS account"
    )


def test_a_copy_of_an_encrypted_image_stays_encrypted(sandbox):
    placed = sandbox.add_image(Stranger(name="secret", copyable=True, encrypted=True))
    west = rig.client(sandbox, region="us-west-2")
    assert refused(west.copy_image, **copy(placed.image_id), Encrypted=False)[1] == (
        "Creating an unencrypted copy from an encrypted snapshot is not supported"
    )


def test_what_is_encrypted_with_the_default_key_is_not_shared(sandbox):
    placed = sandbox.add_image(Stranger(name="shared?", copyable=True))
    west = rig.client(sandbox, region="us-west-2")
    made = rig.image_in_state(west, west.copy_image(**copy(placed.image_id), Encrypted=True)["ImageId"])
    snapshot = made["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    add = {"Add": [{"UserId": OTHER}]}
    for call, words in (
        (west.modify_image_attribute, {"ImageId": made["ImageId"], "LaunchPermission": add}),
        (west.modify_snapshot_attribute, {"SnapshotId": snapshot, "CreateVolumePermission": add}),
    ):
        assert refused(call, **words)[:2] == (
            "OperationNotPermitted",
            "Encrypted snapshots with EBS default key cannot be shared",
        )


def test_a_snapshot_is_shared_in_both_ways_of_asking(ec2):
    snapshot = rig.make_image(ec2, "to share")["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission={"Add": [{"UserId": OTHER}]})
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=["111111111111"]
    )
    found = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    assert {p["UserId"] for p in found["CreateVolumePermissions"]} == {OTHER, "111111111111"}


@pytest.mark.parametrize(
    "words",
    [{"region": "moon-1"}, {"login": "nobody"}, {"source": "ami-0123456789abcdef0"}, {"owner": "123456789012"}],
)
def test_an_image_that_cannot_be_placed_is_refused(sandbox, words):
    with pytest.raises(InputError):
        sandbox.add_image(Stranger(name="refused", **words))
