"""Images over HTTP: what CreateImage, CopyImage, DescribeImages and the calls that retire images answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from sandbox import rig

TAGS = [
    {"ResourceType": "image", "Tags": [{"Key": "cws:digest", "Value": "d1"}]},
    {"ResourceType": "snapshot", "Tags": [{"Key": "of", "Value": "snapshot"}]},
]


@pytest.fixture(scope="module")
def baked(ec2):
    return rig.make_image(ec2, "baked", TagSpecifications=TAGS, Description="for all")


def code(error):
    return error.value.response["Error"]["Code"]


def test_create_image_tags_image_and_snapshot_in_one_call(ec2, baked):
    snapshot = baked["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    found = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert baked["Tags"] == TAGS[0]["Tags"]
    assert found["Tags"] == TAGS[1]["Tags"]
    assert found["Description"] == f"Created by CreateImage({baked['SourceInstanceId']}) for {baked['ImageId']}"
    assert (found["State"], found["Progress"], found["VolumeSize"]) == ("completed", "100%", 8)
    assert found["StartTime"] <= found["CompletionTime"] <= datetime.now(UTC)
    assert "FullSnapshotSizeInBytes" not in found, "nothing was written where no machine runs"


def test_an_image_begins_pending_with_pending_snapshots(ec2):
    machine = rig.run(ec2)["InstanceId"]
    ec2.stop_instances(InstanceIds=[machine])
    image_id = ec2.create_image(InstanceId=machine, Name="begins pending")["ImageId"]
    assert rig.image_in_state(ec2, image_id)["State"] == "available"
    ec2.terminate_instances(InstanceIds=[machine])


def test_block_devices_are_those_of_the_instance(ec2):
    wanted = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 23, "VolumeType": "gp3"}}]
    machine = rig.run(ec2, BlockDeviceMappings=wanted)
    image_id = ec2.create_image(InstanceId=machine["InstanceId"], Name="bigger")["ImageId"]
    found = rig.image_in_state(ec2, image_id)
    disk = found["BlockDeviceMappings"][0]
    assert (found["RootDeviceName"], found["RootDeviceType"]) == ("/dev/xvda", "ebs")
    assert (disk["DeviceName"], disk["Ebs"]["VolumeSize"], disk["Ebs"]["VolumeType"]) == ("/dev/xvda", 23, "gp3")
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])


def test_a_name_is_given_once(ec2, baked):
    machine = rig.run(ec2)["InstanceId"]
    with pytest.raises(ClientError) as error:
        ec2.create_image(InstanceId=machine, Name="baked")
    assert code(error) == "InvalidAMIName.Duplicate"
    assert error.value.response["Error"]["Message"] == f"AMI name baked is already in use by AMI {baked['ImageId']}"
    ec2.terminate_instances(InstanceIds=[machine])


@pytest.mark.parametrize("name", ["semi;colon", "new\nline"])
def test_a_malformed_name_is_refused(ec2, name):
    machine = rig.run(ec2)["InstanceId"]
    with pytest.raises(ClientError) as error:
        ec2.create_image(InstanceId=machine, Name=name)
    assert code(error) == "InvalidAMIName.Malformed"
    ec2.terminate_instances(InstanceIds=[machine])


def test_a_copy_knows_its_source_and_carries_tags(sandbox, baked):
    west = rig.client(sandbox, region="us-west-2")
    request = {"SourceImageId": baked["ImageId"], "SourceRegion": "us-east-1", "Name": "baked"}
    more = [{"ResourceType": "image", "Tags": [{"Key": "more", "Value": "1"}]}, TAGS[1]]
    copy_id = west.copy_image(**request, CopyImageTags=True, TagSpecifications=more, ClientToken="once")["ImageId"]
    copy = rig.image_in_state(west, copy_id)
    assert (copy["SourceImageId"], copy["SourceImageRegion"]) == (baked["ImageId"], "us-east-1")
    assert {tag["Key"] for tag in copy["Tags"]} == {"cws:digest", "more"}
    snapshot = copy["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    found = west.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert found["Tags"] == TAGS[1]["Tags"]
    assert baked["ImageId"] in found["Description"]
    assert west.copy_image(**request, ClientToken="once")["ImageId"] == copy_id
    with pytest.raises(ClientError) as error:
        west.copy_image(**request, ClientToken="twice")
    assert code(error) == "InvalidAMIName.Duplicate"


def test_a_copy_without_copy_image_tags_has_none(sandbox, baked):
    north = rig.client(sandbox, region="eu-north-1")
    request = {"SourceImageId": baked["ImageId"], "SourceRegion": "us-east-1", "Name": "bare"}
    copy = rig.image_in_state(north, north.copy_image(**request)["ImageId"])
    assert copy["Tags"] == []


def test_an_encrypted_copy_says_so(sandbox, baked):
    key = rig.client(sandbox, "kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"]
    west = rig.client(sandbox, region="eu-west-1")
    request = {"SourceImageId": baked["ImageId"], "SourceRegion": "us-east-1", "Name": "secret", "KmsKeyId": key}
    copy = rig.image_in_state(west, west.copy_image(**request, Encrypted=True)["ImageId"])
    disk = copy["BlockDeviceMappings"][0]["Ebs"]
    assert disk["Encrypted"]
    assert west.describe_snapshots(SnapshotIds=[disk["SnapshotId"]])["Snapshots"][0]["KmsKeyId"] == key


def test_a_copy_from_nowhere_is_refused(ec2):
    with pytest.raises(ClientError) as error:
        ec2.copy_image(SourceImageId="ami-0123456789abcdef0", SourceRegion="moon-1", Name="copy")
    assert code(error) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("architecture", ["x86_64"], True),
        ("architecture", ["arm64"], False),
        ("block-device-mapping.encrypted", ["false"], True),
        ("block-device-mapping.volume-type", ["gp3"], True),
        ("boot-mode", ["uefi-preferred"], True),
        ("creation-date", ["20*-*"], True),
        ("creation-date", ["1999-*"], False),
        ("ena-support", ["true"], True),
        ("image-allowed", ["true"], True),
        ("image-watermark.watermark-key", ["*"], False),
        ("is-public", ["true"], False),
        ("name", ["bak?d"], True),
        ("name", ["bak"], False),
        ("owner-id", ["123456789012"], True),
        ("product-code", ["abc"], False),
        ("product-code.type", ["marketplace"], False),
        ("public-ssm-parameter-name", ["/aws/*"], False),
        ("root-device-type", ["ebs"], True),
        ("root-device-type", ["instance-store"], False),
        ("source-image-region", ["us-east-1"], True),
        ("state", ["available", "failed"], True),
        ("tag-key", ["cws:digest"], True),
        ("tag:cws:digest", ["d0", "d1"], True),
        ("tag:cws:digest", ["d2"], False),
        ("virtualization-type", ["hvm"], True),
    ],
)
def test_filters_of_describe_images(ec2, baked, name, values, found):
    answer = ec2.describe_images(Owners=["self"], Filters=[{"Name": name, "Values": values}])
    assert (baked["ImageId"] in {image["ImageId"] for image in answer["Images"]}) == found


def test_an_unknown_filter_is_refused(ec2):
    with pytest.raises(ClientError) as error:
        ec2.describe_images(Filters=[{"Name": "colour", "Values": ["red"]}])
    assert code(error) == "InvalidParameterValue"


def test_images_come_in_pages(ec2):
    everything = {image["ImageId"] for image in ec2.describe_images()["Images"]}
    pages = ec2.get_paginator("describe_images").paginate(PaginationConfig={"PageSize": 3})
    sizes = [[image["ImageId"] for image in page["Images"]] for page in pages]
    assert len(sizes) > 1
    assert {image for page in sizes for image in page} == everything
    with pytest.raises(ClientError) as error:
        ec2.describe_images(MaxResults=2, NextToken="rubbish")
    assert code(error) == "InvalidNextToken"


def test_the_base_images_have_their_publishers_names(sandbox):
    for region in ("us-east-1", "ap-south-1"):
        ec2 = rig.client(sandbox, region=region)
        debian = ec2.describe_images(Owners=["136693071363"])["Images"]
        ubuntu = ec2.describe_images(
            Owners=["099720109477"], Filters=[{"Name": "name", "Values": ["ubuntu/images/hvm-ssd*/ubuntu-*-server-*"]}]
        )["Images"]
        assert {image["Architecture"] for image in debian} == {"x86_64", "arm64"}
        assert len(ubuntu) == 6
        assert all(image["Description"].startswith("sandbox stand-in") for image in ubuntu)
        assert all(image["Public"] for image in debian + ubuntu)


def test_public_parameters_name_the_base_images(sandbox, ec2):
    ssm = rig.client(sandbox, "ssm")
    for release, codename in (("20.04", "focal"), ("22.04", "jammy"), ("24.04", "noble")):
        for disk in ("ebs-gp3", "ebs-gp2"):
            name = f"/aws/service/canonical/ubuntu/server/{release}/stable/current/arm64/hvm/{disk}/ami-id"
            image = rig.image(ec2, ssm.get_parameter(Name=name)["Parameter"]["Value"])
            assert codename in image["Name"]
            assert image["Architecture"] == "arm64"


def test_snapshots_come_in_pages_and_by_owner(ec2, baked):
    mine = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert baked["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] in {s["SnapshotId"] for s in mine}
    assert {s["OwnerId"] for s in mine} == {"123456789012"}
    pages = list(ec2.get_paginator("describe_snapshots").paginate(PaginationConfig={"PageSize": 5}))
    assert sum(len(page["Snapshots"]) for page in pages) == len(ec2.describe_snapshots()["Snapshots"])


def test_a_dry_run_makes_nothing(ec2):
    machine = rig.run(ec2)["InstanceId"]
    for call, words in (
        (ec2.create_image, {"InstanceId": machine, "Name": "dry"}),
        (ec2.terminate_instances, {"InstanceIds": [machine]}),
        (ec2.stop_instances, {"InstanceIds": [machine]}),
        (ec2.run_instances, {"ImageId": rig.DEBIAN, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro"}),
    ):
        with pytest.raises(ClientError) as error:
            call(**words, DryRun=True)
        assert code(error) == "DryRunOperation"
    assert rig.instance(ec2, machine)["State"]["Name"] == "running"
    assert not ec2.describe_images(Filters=[{"Name": "name", "Values": ["dry"]}])["Images"]
    ec2.terminate_instances(InstanceIds=[machine])


def test_a_call_that_nobody_knows_is_refused_in_ec2s_words(ec2):
    with pytest.raises(ClientError) as error:
        ec2.describe_fast_launch_images()
    assert code(error) == "InvalidAction"


def test_creation_dates_are_those_of_the_call(ec2, baked):
    created = datetime.fromisoformat(rig.image(ec2, baked["ImageId"])["CreationDate"])
    assert 0 <= time.time() - created.timestamp() < 3600
