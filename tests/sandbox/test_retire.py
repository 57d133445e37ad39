"""Images over HTTP: deprecation, disabling, IMDSv2, deregistration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from sandbox import rig


@pytest.fixture(scope="module")
def baked(ec2):
    return rig.make_image(ec2, "baked")


def code(error):
    return error.value.response["Error"]["Code"]


def test_deprecated_images_of_others_are_hidden_from_searches(ec2, baked):
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    ec2.enable_image_deprecation(ImageId=baked["ImageId"], DeprecateAt=in_an_hour)
    assert rig.image(ec2, baked["ImageId"])["DeprecationTime"].startswith(in_an_hour.strftime("%Y-%m-%dT%H:%M"))
    now = datetime.now(UTC)
    ec2.enable_image_deprecation(ImageId=baked["ImageId"], DeprecateAt=now)
    mine = ec2.describe_images(Owners=["self"])["Images"]
    assert baked["ImageId"] in {image["ImageId"] for image in mine}, "owners see their own"
    ec2.disable_image_deprecation(ImageId=baked["ImageId"])
    assert "DeprecationTime" not in rig.image(ec2, baked["ImageId"])


def test_a_deprecation_in_the_past_is_refused(ec2, baked):
    with pytest.raises(ClientError) as error:
        ec2.enable_image_deprecation(ImageId=baked["ImageId"], DeprecateAt=datetime(2020, 1, 1, tzinfo=UTC))
    assert code(error) == "InvalidParameterValue"


def test_the_image_of_a_stranger_cannot_be_changed(ec2):
    debian = ec2.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]
    for call in (ec2.deregister_image, ec2.disable_image, ec2.disable_image_deprecation):
        with pytest.raises(ClientError) as error:
            call(ImageId=debian)
        assert code(error) == "AuthFailure"


def test_a_disabled_image_is_hidden_unshared_and_does_not_launch(ec2):
    image_id = rig.make_image(ec2, "to disable")["ImageId"]
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    ec2.disable_image(ImageId=image_id)
    listed = {i["ImageId"] for i in ec2.describe_images(Owners=["self"])["Images"]}
    with_disabled = {i["ImageId"] for i in ec2.describe_images(Owners=["self"], IncludeDisabled=True)["Images"]}
    assert image_id not in listed
    assert image_id in with_disabled
    with pytest.raises(ClientError) as error:
        rig.run(ec2, ImageId=image_id)
    assert code(error) == "InvalidAMIID.Unavailable"
    ec2.enable_image(ImageId=image_id)
    attribute = ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert attribute["LaunchPermissions"] == []


def test_imds_support_is_set_and_becomes_the_default_of_launches(ec2):
    image_id = rig.make_image(ec2, "imdsv2")["ImageId"]
    ec2.modify_image_attribute(ImageId=image_id, ImdsSupport={"Value": "v2.0"})
    assert rig.image(ec2, image_id)["ImdsSupport"] == "v2.0"
    machine = rig.run(ec2, ImageId=image_id)
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    changed = ec2.modify_instance_metadata_options(InstanceId=machine["InstanceId"], HttpTokens="optional")
    assert changed["InstanceMetadataOptions"]["HttpTokens"] == "optional"
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])


def test_deregister_with_snapshots_keeps_those_that_another_image_uses(ec2):
    found = rig.make_image(ec2, "goes")
    snapshot = found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    other = ec2.register_image(
        Name="stays", RootDeviceName="/dev/xvda", BlockDeviceMappings=mapping, Architecture="x86_64"
    )["ImageId"]
    with pytest.raises(ClientError) as error:
        ec2.delete_snapshot(SnapshotId=snapshot)
    assert code(error) == "InvalidSnapshot.InUse"
    first = ec2.deregister_image(ImageId=found["ImageId"], DeleteAssociatedSnapshots=True)
    second = ec2.deregister_image(ImageId=other, DeleteAssociatedSnapshots=True)
    assert first["DeleteSnapshotResults"] == [{"SnapshotId": snapshot, "ReturnCode": "skipped"}]
    assert second["DeleteSnapshotResults"] == [{"SnapshotId": snapshot, "ReturnCode": "success"}]
    with pytest.raises(ClientError) as error:
        ec2.deregister_image(ImageId=other)
    assert code(error) == "InvalidAMIID.Unavailable"
