"""Who uses an image: references in the own account, instances' images, usage reports, ancestry."""

from __future__ import annotations

import base64

import pytest
from botocore.exceptions import ClientError

from sandbox import rig

OTHER = "210987654321"


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def used(sandbox, ec2):
    """Make an image that an instance, a launch template and a parameter use."""
    image_id = rig.make_image(ec2, "used")["ImageId"]
    template = ec2.create_launch_template(
        LaunchTemplateName="uses", LaunchTemplateData={"ImageId": image_id, "InstanceType": "t3.micro"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    rig.client(sandbox, "ssm").put_parameter(
        Name="/images/used", Value=image_id, Type="String", DataType="aws:ec2:image"
    )
    machine = rig.run(ec2, ImageId=image_id)["InstanceId"]
    return image_id, machine, template


def arns(ec2, image_id, **words):
    words = words or {"IncludeAllResourceTypes": True}
    found = ec2.describe_image_references(ImageIds=[image_id], **words)["ImageReferences"]
    assert {f["ImageId"] for f in found} <= {image_id}
    return {f["ResourceType"]: f["Arn"] for f in found}


def test_references_are_arns_of_everything_that_uses_an_image(ec2, used):
    image_id, machine, template = used
    own = "us-east-1:123456789012"
    assert arns(ec2, image_id) == {
        "ec2:Instance": f"arn:aws:ec2:{own}:instance/{machine}",
        "ec2:LaunchTemplate": f"arn:aws:ec2:{own}:launch-template/{template}",
        "ssm:Parameter": f"arn:aws:ssm:{own}:parameter/images/used",
    }
    assert arns(ec2, "ami-0123456789abcdef0") == {}


def test_references_by_type_state_and_version_depth(ec2, used):
    image_id, _, template = used
    stopped = [{"OptionName": "state-name", "OptionValues": ["stopped"]}]
    assert arns(ec2, image_id, ResourceTypes=[{"ResourceType": "ec2:Instance"}]).keys() == {"ec2:Instance"}
    kinds = [{"ResourceType": "ec2:Instance", "ResourceTypeOptions": stopped}]
    assert arns(ec2, image_id, ResourceTypes=kinds) == {}
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"ImageId": "ami-12345678"})
    for depth, found in (("1", set()), ("2", {"ec2:LaunchTemplate"})):
        options = [{"OptionName": "version-depth", "OptionValues": [depth]}]
        kinds = [{"ResourceType": "ec2:LaunchTemplate", "ResourceTypeOptions": options}]
        assert arns(ec2, image_id, ResourceTypes=kinds).keys() == found


def test_references_come_in_pages(ec2, used):
    for number in range(6):
        words = {"LaunchTemplateName": f"more-{number}", "LaunchTemplateData": {"ImageId": used[0]}}
        ec2.create_launch_template(**words)
    kinds = [{"ResourceType": "ec2:LaunchTemplate"}]
    pages = ec2.get_paginator("describe_image_references").paginate(
        ImageIds=[used[0]], ResourceTypes=kinds, PaginationConfig={"PageSize": 5}
    )
    assert [len(page["ImageReferences"]) for page in pages] == [5, 2]


def test_references_need_a_type_and_an_id_that_can_be(ec2):
    assert refused(ec2.describe_image_references, ImageIds=["ami-12345678"]) == "MissingParameter"
    words = {"ImageIds": ["ami-x"], "IncludeAllResourceTypes": True}
    assert refused(ec2.describe_image_references, **words) == "InvalidAMIID.Malformed"


def test_instances_tell_what_their_images_are_like(ec2, used):
    image_id, machine, _ = used
    (found,) = ec2.describe_instance_image_metadata(InstanceIds=[machine])["InstanceImageMetadata"]
    image = found["ImageMetadata"]
    assert (found["InstanceId"], found["State"]["Name"], found["InstanceType"]) == (machine, "running", "t3.micro")
    assert (image["ImageId"], image["Name"], image["State"], image["IsPublic"]) == (
        image_id,
        "used",
        "available",
        False,
    )
    assert image["CreationDate"] == rig.image(ec2, image_id)["CreationDate"]
    mine = [{"Name": "owner-id", "Values": ["123456789012"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    listed = ec2.describe_instance_image_metadata(Filters=mine)["InstanceImageMetadata"]
    assert [i["InstanceId"] for i in listed] == [machine]
    tagged = [{"Name": "tag:none", "Values": ["*"]}]
    assert ec2.describe_instance_image_metadata(Filters=tagged)["InstanceImageMetadata"] == []
    assert refused(ec2.describe_instance_image_metadata, Filters=[{"Name": "x", "Values": ["y"]}]) == (
        "InvalidParameterValue"
    )


def test_usage_reports_count_what_other_accounts_do(sandbox, ec2, used):
    image_id, _, _ = used
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": [{"UserId": OTHER}]})
    theirs = rig.client(sandbox, account=OTHER)
    rig.run(theirs, ImageId=image_id)
    for name in ("one", "two"):
        theirs.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image_id})
    asked = {
        "ImageId": image_id,
        "ResourceTypes": [{"ResourceType": "ec2:Instance"}, {"ResourceType": "ec2:LaunchTemplate"}],
        "ClientToken": "once",
        "TagSpecifications": [{"ResourceType": "image-usage-report", "Tags": [{"Key": "a", "Value": "b"}]}],
    }
    report = ec2.create_image_usage_report(**asked)["ReportId"]
    assert ec2.create_image_usage_report(**asked)["ReportId"] == report

    def available():
        (told,) = ec2.describe_image_usage_reports(ReportIds=[report])["ImageUsageReports"]
        assert told["State"] in {"pending", "available"}
        return told["State"] == "available" and told

    told = rig.until(available)
    assert (told["ImageId"], told["Tags"], told["AccountIds"]) == (image_id, [{"Key": "a", "Value": "b"}], [])
    entries = ec2.describe_image_usage_report_entries(ReportIds=[report])["ImageUsageReportEntries"]
    assert {(e["AccountId"], e["ResourceType"], e["UsageCount"]) for e in entries} == {
        (OTHER, "ec2:Instance", 1),
        (OTHER, "ec2:LaunchTemplate", 2),
    }
    only = [{"Name": "resource-type", "Values": ["ec2:Instance"]}]
    filtered = ec2.describe_image_usage_report_entries(ImageIds=[image_id], Filters=only)["ImageUsageReportEntries"]
    assert [e["UsageCount"] for e in filtered] == [1]
    assert ec2.delete_image_usage_report(ReportId=report)["Return"] is True
    assert refused(ec2.delete_image_usage_report, ReportId=report) == "InvalidImageUsageReportId.NotFound"
    assert refused(theirs.create_image_usage_report, ImageId=image_id, ResourceTypes=asked["ResourceTypes"]) == (
        "AuthFailure"
    )


def test_reports_are_gone_after_thirty_days(sandbox, ec2):
    image_id = rig.make_image(ec2, "reported")["ImageId"]
    kinds = [{"ResourceType": "ec2:Instance"}]
    report = ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=kinds)["ReportId"]
    sandbox.advance(31 * 86400)
    assert refused(ec2.describe_image_usage_reports, ReportIds=[report]) == "InvalidImageUsageReportId.NotFound"


def test_an_image_knows_where_it_comes_from(sandbox, used):
    west = rig.client(sandbox, region="us-west-2")
    copy = west.copy_image(SourceImageId=used[0], SourceRegion="us-east-1", Name="copied")["ImageId"]
    rig.image_in_state(west, copy)
    line = west.get_image_ancestry(ImageId=copy)["ImageAncestryEntries"]
    assert [entry["ImageId"] for entry in line[:2]] == [copy, used[0]]
    assert (line[0]["SourceImageId"], line[0]["SourceImageRegion"]) == (used[0], "us-east-1")
    assert len(line) == 3, "the base image is the last"
    assert "SourceImageId" not in line[2]


def test_a_group_starts_machines_and_ends_them(sandbox, ec2, used):
    image_id, _, _ = used
    groups = rig.client(sandbox, "autoscaling")
    start = base64.b64encode(b"#!/bin/sh\n").decode()
    template = ec2.create_launch_template(
        LaunchTemplateName="grown",
        LaunchTemplateData={"ImageId": image_id, "InstanceType": "t3.micro", "UserData": start},
    )["LaunchTemplate"]["LaunchTemplateId"]
    groups.create_auto_scaling_group(
        AutoScalingGroupName="two",
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        MinSize=0,
        MaxSize=2,
        DesiredCapacity=2,
        AvailabilityZones=["us-east-1a"],
    )
    (group,) = groups.describe_auto_scaling_groups(AutoScalingGroupNames=["two"])["AutoScalingGroups"]
    assert group["LaunchTemplate"]["LaunchTemplateId"] == template
    machines = [i["InstanceId"] for i in group["Instances"]]
    for machine in machines:
        found = rig.in_state(ec2, machine, "running")
        assert found["ImageId"] == image_id
        assert found["BlockDeviceMappings"][0]["DeviceName"] == "/dev/xvda"
    groups.update_auto_scaling_group(AutoScalingGroupName="two", DesiredCapacity=0)
    for machine in machines:
        rig.in_state(ec2, machine, "terminated")
    groups.delete_auto_scaling_group(AutoScalingGroupName="two", ForceDelete=True)
