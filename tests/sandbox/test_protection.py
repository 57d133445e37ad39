"""Images over HTTP: protection against deregistration, states that refuse, and the recycle bin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from cws_build.errors import InputError
from cws_build.sandbox.records import Fault
from sandbox import rig

DAY = 86400
KEPT = {"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}
WEST = "us-west-2"
"""Where there are rules; other tests are in us-east-1."""


def code(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"]


def protection(ec2, image_id):
    return ec2.describe_image_attribute(ImageId=image_id, Attribute="deregistrationProtection")[
        "DeregistrationProtection"
    ]["Value"]


def snapshot_of(image):
    return image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]


@pytest.fixture(scope="module")
def west(sandbox):
    return rig.client(sandbox, region=WEST)


@pytest.fixture
def ruled(sandbox, west):
    """Return the client of a region while its recycle bin keeps everything."""
    rbin = rig.client(sandbox, "rbin", region=WEST)
    made = [
        rbin.create_rule(ResourceType=kind, RetentionPeriod=KEPT)["Identifier"]
        for kind in ("EC2_IMAGE", "EBS_SNAPSHOT")
    ]
    yield west
    for rule in made:
        rbin.delete_rule(Identifier=rule)


def test_a_protected_image_is_not_deregistered(ec2):
    image_id = rig.make_image(ec2, "protected")["ImageId"]
    assert ec2.enable_image_deregistration_protection(ImageId=image_id)["Return"] == "true"
    assert (
        protection(ec2, image_id)
        == rig.image(ec2, image_id)["DeregistrationProtection"]
        == ("enabled-without-cooldown")
    )
    assert code(ec2.deregister_image, ImageId=image_id) == "OperationNotPermitted"
    assert ec2.disable_image_deregistration_protection(ImageId=image_id)["Return"] == "true"
    assert protection(ec2, image_id) == "disabled"
    ec2.deregister_image(ImageId=image_id)


def test_a_cooldown_lasts_for_a_day(sandbox, ec2):
    image_id = rig.make_image(ec2, "cools")["ImageId"]
    ec2.enable_image_deregistration_protection(ImageId=image_id, WithCooldown=True)
    assert protection(ec2, image_id) == "enabled-with-cooldown"
    ec2.disable_image_deregistration_protection(ImageId=image_id)
    assert code(ec2.deregister_image, ImageId=image_id) == "OperationNotPermitted"
    sandbox.advance(DAY - 60)
    assert code(ec2.deregister_image, ImageId=image_id) == "OperationNotPermitted"
    sandbox.advance(61)
    ec2.deregister_image(ImageId=image_id)


def test_the_clock_goes_forward_only(sandbox):
    with pytest.raises(InputError):
        sandbox.advance(-1)


def test_an_image_that_is_not_available_is_not_disabled(sandbox, ec2):
    sandbox.add_fault(Fault(call="CopyImage", lasts=600, times=1))
    source = rig.make_image(ec2, "source")["ImageId"]
    pending = ec2.copy_image(SourceImageId=source, SourceRegion="us-east-1", Name="pending")["ImageId"]
    assert rig.image(ec2, pending)["State"] == "pending"
    assert code(ec2.disable_image, ImageId=pending) == "InvalidAMIID.Unavailable"


def test_without_a_rule_nothing_is_kept(west):
    found = rig.make_image(west, "for good")
    west.deregister_image(ImageId=found["ImageId"], DeleteAssociatedSnapshots=True)
    assert west.list_images_in_recycle_bin()["Images"] == []
    assert west.list_snapshots_in_recycle_bin()["Snapshots"] == []
    assert code(west.restore_image_from_recycle_bin, ImageId=found["ImageId"]) == "InvalidAMIID.NotFound"


def test_an_image_comes_back_from_the_bin_after_its_snapshots(ruled):
    tags = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in ("image", "snapshot")]
    before = rig.make_image(ruled, "comes back", Description="kept", TagSpecifications=tags)
    image_id, snapshot = before["ImageId"], snapshot_of(before)
    gone = ruled.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    assert gone["DeleteSnapshotResults"] == [{"SnapshotId": snapshot, "ReturnCode": "success"}]
    assert ruled.describe_images(ImageIds=[image_id])["Images"] == []
    (binned,) = ruled.list_images_in_recycle_bin(ImageIds=[image_id])["Images"]
    assert (binned["ImageId"], binned["Name"], binned["Description"]) == (image_id, "comes back", "kept")
    assert binned["RecycleBinExitTime"] - binned["RecycleBinEnterTime"] == timedelta(days=7)
    (kept,) = ruled.list_snapshots_in_recycle_bin(SnapshotIds=[snapshot])["Snapshots"]
    assert kept["Description"].startswith("Created by CreateImage")
    assert code(ruled.restore_image_from_recycle_bin, ImageId=image_id) == "IncorrectState"
    assert ruled.restore_snapshot_from_recycle_bin(SnapshotId=snapshot)["State"] == "completed"
    assert ruled.restore_image_from_recycle_bin(ImageId=image_id)["Return"] is True
    assert rig.image(ruled, image_id) == before
    assert ruled.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["Tags"] == tags[1]["Tags"]
    assert rig.run(ruled, ImageId=image_id)["ImageId"] == image_id


def test_the_bin_is_emptied_in_time(sandbox, ruled):
    found = rig.make_image(ruled, "runs out")
    ruled.deregister_image(ImageId=found["ImageId"], DeleteAssociatedSnapshots=True)
    assert ruled.list_images_in_recycle_bin(ImageIds=[found["ImageId"]])["Images"]
    sandbox.advance(7 * DAY + 1)
    assert ruled.list_images_in_recycle_bin(ImageIds=[found["ImageId"]])["Images"] == []
    assert code(ruled.restore_snapshot_from_recycle_bin, SnapshotId=snapshot_of(found)) == "InvalidSnapshot.NotFound"


def test_a_name_that_was_taken_meanwhile_keeps_an_image_in_the_bin(ruled):
    first = rig.make_image(ruled, "twice")["ImageId"]
    ruled.deregister_image(ImageId=first)
    rig.make_image(ruled, "twice")
    assert code(ruled.restore_image_from_recycle_bin, ImageId=first) == "InvalidAMIName.Duplicate"


def test_rules_are_told_changed_and_can_be_about_tags(sandbox):
    rbin, north = rig.client(sandbox, "rbin", region="eu-north-1"), rig.client(sandbox, region="eu-north-1")
    tag = {"ResourceTagKey": "keep", "ResourceTagValue": "yes"}
    made = rbin.create_rule(ResourceType="EC2_IMAGE", RetentionPeriod=KEPT, ResourceTags=[tag], Description="d")
    assert (made["Status"], made["ResourceTags"], made["RetentionPeriod"]) == ("available", [tag], KEPT)
    longer = {**KEPT, "RetentionPeriodValue": 30}
    assert rbin.update_rule(Identifier=made["Identifier"], RetentionPeriod=longer)["RetentionPeriod"] == longer
    assert rbin.get_rule(Identifier=made["Identifier"])["Description"] == "d"
    assert [r["Identifier"] for r in rbin.list_rules(ResourceType="EC2_IMAGE")["Rules"]] == [made["Identifier"]]
    assert rbin.list_rules(ResourceType="EBS_SNAPSHOT")["Rules"] == []
    plain = rig.make_image(north, "plain")["ImageId"]
    tagged = [{"ResourceType": "image", "Tags": [{"Key": "keep", "Value": "yes"}]}]
    kept = rig.make_image(north, "kept", TagSpecifications=tagged)["ImageId"]
    for image_id in (plain, kept):
        north.deregister_image(ImageId=image_id)
    assert [i["ImageId"] for i in north.list_images_in_recycle_bin()["Images"]] == [kept]
    rbin.delete_rule(Identifier=made["Identifier"])
    assert code(rbin.get_rule, Identifier=made["Identifier"]) == "ResourceNotFoundException"
    assert code(rbin.create_rule, ResourceType="EC2_IMAGE", RetentionPeriod={**KEPT, "RetentionPeriodValue": 400}) == (
        "ValidationException"
    )


def test_the_last_launch_is_told_at_once(ec2):
    image_id = rig.make_image(ec2, "launched")["ImageId"]
    asked = {"ImageId": image_id, "Attribute": "lastLaunchedTime"}
    assert ec2.describe_image_attribute(**asked).get("LastLaunchedTime", {}) == {}
    machine = rig.run(ec2, ImageId=image_id)["InstanceId"]
    told = ec2.describe_image_attribute(**asked)["LastLaunchedTime"]["Value"]
    assert told == rig.image(ec2, image_id)["LastLaunchedTime"]
    assert told.startswith(datetime.now(UTC).strftime("%Y-"))
    ec2.terminate_instances(InstanceIds=[machine])


@pytest.mark.parametrize(
    ("service", "call", "words"),
    [
        ("rbin", "list_rules", {"ResourceType": "EC2_IMAGE"}),
        ("autoscaling", "describe_auto_scaling_groups", {}),
        ("service-quotas", "get_service_quota", {"ServiceCode": "ec2", "QuotaCode": "L-0E3CBAB9"}),
    ],
)
def test_services_beside_ec2_refuse_a_region_that_is_not_enabled(sandbox, service, call, words):
    client = rig.client(sandbox, service, region="ap-southeast-6")
    assert code(getattr(client, call), **words) == "InvalidClientTokenId"
