"""Block public access, the quota of public images, and allowed images over HTTP."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from cws_build.sandbox.records import Stranger
from sandbox import rig

PUBLIC = {"Add": [{"Group": "all"}]}
DEBIAN_OWNER = "136693071363"


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_images_of_a_new_account_cannot_be_made_public(ec2):
    image_id = rig.make_image(ec2, "blocked")["ImageId"]
    state = ec2.get_image_block_public_access_state()
    assert (state["ImageBlockPublicAccessState"], state["ManagedBy"]) == ("block-new-sharing", "account")
    code, message = refused(ec2.modify_image_attribute, ImageId=image_id, LaunchPermission=PUBLIC)
    assert code == "OperationNotPermitted"
    assert "DisableImageBlockPublicAccess" in message
    older = {"Attribute": "launchPermission", "OperationType": "add", "UserGroups": ["all"]}
    assert refused(ec2.modify_image_attribute, ImageId=image_id, **older)[0] == "OperationNotPermitted"
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    assert ec2.disable_image_block_public_access()["ImageBlockPublicAccessState"] == "unblocked"
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=PUBLIC)
    assert rig.image(ec2, image_id)["Public"] is True
    blocked = ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    assert blocked["ImageBlockPublicAccessState"] == "block-new-sharing"
    assert rig.image(ec2, image_id)["Public"] is True, "what is public stays public"
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Remove": [{"Group": "all"}]})


def test_five_images_of_a_region_can_be_public(sandbox):
    west = rig.client(sandbox, region="us-west-2")
    west.disable_image_block_public_access()
    quota = rig.client(sandbox, "service-quotas", region="us-west-2")
    told = quota.get_service_quota(ServiceCode="ec2", QuotaCode="L-0E3CBAB9")["Quota"]
    assert (told["Value"], told["QuotaName"]) == (5.0, "Public AMIs")
    first = rig.make_image(west, "public 0")
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": first["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]}}]
    words = {"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": mapping, "Architecture": "x86_64"}
    made = [west.register_image(Name=f"public {n}", **words)["ImageId"] for n in range(1, 6)]
    for image_id in (first["ImageId"], *made[:4]):
        west.modify_image_attribute(ImageId=image_id, LaunchPermission=PUBLIC)
    code, message = refused(west.modify_image_attribute, ImageId=made[4], LaunchPermission=PUBLIC)
    assert code == "ResourceLimitExceeded"
    assert message.startswith("You have reached your quota of 5 for the number of public images")
    west.modify_image_attribute(ImageId=made[0], LaunchPermission=PUBLIC)
    west.deregister_image(ImageId=made[0])
    west.modify_image_attribute(ImageId=made[4], LaunchPermission=PUBLIC)


def test_snapshots_are_public_unless_that_is_blocked(sandbox, ec2):
    snapshot = rig.make_image(ec2, "open")["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    others = rig.client(sandbox, account="210987654321")
    assert ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"
    share = {"SnapshotId": snapshot, "CreateVolumePermission": PUBLIC}
    assert ec2.enable_snapshot_block_public_access(State="block-new-sharing")["State"] == "block-new-sharing"
    assert refused(ec2.modify_snapshot_attribute, **share)[0] == "OperationNotPermitted"
    assert ec2.disable_snapshot_block_public_access()["State"] == "unblocked"
    ec2.modify_snapshot_attribute(**share)
    assert others.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    assert refused(others.describe_snapshots, SnapshotIds=[snapshot])[0] == "InvalidSnapshot.NotFound"
    ec2.disable_snapshot_block_public_access()
    assert others.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]


def test_a_disabled_image_is_shared_with_nobody(ec2):
    image_id = rig.make_image(ec2, "disabled")["ImageId"]
    ec2.disable_image(ImageId=image_id)
    share = {"Add": [{"UserId": "210987654321"}]}
    assert refused(ec2.modify_image_attribute, ImageId=image_id, LaunchPermission=share)[0] == (
        "InvalidAMIID.Unavailable"
    )
    ec2.enable_image(ImageId=image_id)
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=share)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image-watermark.watermark-key", "*"),
        ("scan-result.highest-finding-severity-label", "high"),
        ("instance-type-specification.supported-instance-type", "t3.*"),
        ("source-image-id", "ami-0123456789abcdef0"),
        ("creation-date", "1999-*"),
    ],
)
def test_filters_that_nothing_passes_are_known(ec2, name, value):
    assert ec2.describe_images(Filters=[{"Name": name, "Values": [value]}])["Images"] == []


def test_allowed_images_hide_those_of_others(sandbox):
    south = rig.client(sandbox, region="sa-east-1")
    mine = rig.make_image(south, "mine")["ImageId"]
    stranger = sandbox.add_image(Stranger(name="strange", region="sa-east-1")).image_id
    assert south.get_allowed_images_settings() | {"ResponseMetadata": 0} == {
        "State": "disabled",
        "ImageCriteria": [],
        "ManagedBy": "account",
        "ResponseMetadata": 0,
    }
    criteria = [
        {"ImageProviders": [DEBIAN_OWNER], "ImageNames": ["debian-12-*"]},
        {"ImageProviders": ["aws-marketplace"], "CreationDateCondition": {"MaximumDaysSinceCreated": 9}},
    ]
    assert south.replace_image_criteria_in_allowed_images_settings(ImageCriteria=criteria)["ReturnValue"] is True
    told = south.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    assert told["AllowedImagesSettingsState"] == "audit-mode"
    assert south.get_allowed_images_settings()["ImageCriteria"] == criteria
    audited = south.describe_images(ImageIds=[mine, stranger])["Images"]
    assert {i["ImageId"]: i["ImageAllowed"] for i in audited} == {mine: True, stranger: False}
    south.enable_allowed_images_settings(AllowedImagesSettingsState="enabled")
    assert refused(south.describe_images, ImageIds=[stranger])[0] == "InvalidAMIID.NotFound"
    assert refused(rig.run, ec2=south, ImageId=stranger)[0] == "InvalidAMIID.NotFound"
    owners = {i["OwnerId"] for i in south.describe_images()["Images"]}
    assert owners == {DEBIAN_OWNER, "123456789012"}
    assert south.disable_allowed_images_settings()["AllowedImagesSettingsState"] == "disabled"
    assert south.describe_images(ImageIds=[stranger])["Images"]


def test_searches_filter_by_what_is_allowed(sandbox):
    tokyo = rig.client(sandbox, region="ap-northeast-1")
    tokyo.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["amazon"]}])
    tokyo.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    found = tokyo.describe_images(Filters=[{"Name": "image-allowed", "Values": ["false"]}])["Images"]
    assert {i["OwnerId"] for i in found} == {DEBIAN_OWNER}


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ([{"ImageProviders": ["none", "amazon"]}], "InvalidParameterValue"),
        ([{"ImageNames": ["x"]}] * 11, "InvalidParameterValue"),
        ([{"ImageNames": ["x"] * 51}], "InvalidParameterValue"),
        ([{"ImageWatermarks": [{"WatermarkKey": "1:a"}]}], "Unsupported"),
    ],
)
def test_criteria_that_cannot_be(ec2, criteria, code):
    assert refused(ec2.replace_image_criteria_in_allowed_images_settings, ImageCriteria=criteria)[0] == code
