"""SSM over HTTP: versions, labels, paths, tags, parameters that name images, and launches by them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sandbox import rig

IMAGE = {"Type": "String", "DataType": "aws:ec2:image"}


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def ssm(sandbox):
    return rig.client(sandbox, "ssm")


@pytest.fixture(scope="module")
def images(ec2):
    found = rig.make_image(ec2, "first")
    disk = found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": disk}}]
    second = ec2.register_image(
        Name="second", RootDeviceName="/dev/xvda", BlockDeviceMappings=mapping, Architecture=found["Architecture"]
    )
    return found["ImageId"], second["ImageId"]


@pytest.fixture(scope="module")
def channel(ssm, images):
    """Two versions of a parameter, the first one stable."""
    tags = [{"Key": "cws:template", "Value": "t"}]
    assert ssm.put_parameter(Name="/cws/t/ami", Value=images[0], Tags=tags, **IMAGE)["Version"] == 1
    assert ssm.put_parameter(Name="/cws/t/ami", Value=images[1], Overwrite=True, **IMAGE)["Version"] == 2
    labelled = ssm.label_parameter_version(Name="/cws/t/ami", ParameterVersion=1, Labels=["stable"])
    assert (labelled["InvalidLabels"], labelled["ParameterVersion"]) == ([], 1)
    return "/cws/t/ami"


def test_versions_and_labels_are_read_by_name(ssm, images, channel):
    values = [ssm.get_parameter(Name=f"{channel}{s}")["Parameter"]["Value"] for s in ("", ":1", ":2", ":stable")]
    assert values == [images[1], images[0], images[1], images[0]]
    assert refused(ssm.get_parameter, Name=f"{channel}:none") == "ParameterVersionNotFound"
    assert refused(ssm.get_parameter, Name=f"{channel}:9") == "ParameterVersionNotFound"
    assert refused(ssm.get_parameter, Name="/cws/none:stable") == "ParameterNotFound"


def test_a_label_moves_and_launches_follow(ec2, ssm, images, channel):
    def launched():
        return rig.run(ec2, ImageId=f"resolve:ssm:{channel}:stable")["ImageId"]

    assert launched() == images[0]
    ssm.label_parameter_version(Name=channel, ParameterVersion=2, Labels=["stable"])
    assert launched() == images[1]
    ssm.label_parameter_version(Name=channel, ParameterVersion=1, Labels=["stable", "v1.0.0"])
    history = ssm.get_parameter_history(Name=channel)["Parameters"]
    assert [(p["Version"], sorted(p["Labels"])) for p in history] == [(1, ["stable", "v1.0.0"]), (2, [])]
    ssm.unlabel_parameter_version(Name=channel, ParameterVersion=1, Labels=["v1.0.0"])
    assert rig.run(ec2, ImageId=f"resolve:ssm:{channel}:2")["ImageId"] == images[1]


def test_a_launch_template_follows_a_label(ec2, images, channel):
    data = {"ImageId": f"resolve:ssm:{channel}:stable", "InstanceType": "t3.micro"}
    ec2.create_launch_template(LaunchTemplateName="follows", LaunchTemplateData=data)
    words = {"LaunchTemplate": {"LaunchTemplateName": "follows"}, "MinCount": 1, "MaxCount": 1}
    assert ec2.run_instances(**words)["Instances"][0]["ImageId"] == images[0]


def test_a_label_that_cannot_be_is_told(ssm, channel):
    told = ssm.label_parameter_version(Name=channel, ParameterVersion=1, Labels=["9lives", "aws-x"])
    assert sorted(told["InvalidLabels"]) == ["9lives", "aws-x"]
    assert refused(ssm.label_parameter_version, Name=channel, ParameterVersion=7, Labels=["x"]) == (
        "ParameterVersionNotFound"
    )


def test_a_value_that_is_no_image_of_the_region_never_becomes_a_version(sandbox, ssm, images):
    assert ssm.put_parameter(Name="/cws/none", Value="ami-0123456789abcdef0", **IMAGE)["Version"] == 1
    assert refused(ssm.get_parameter, Name="/cws/none") == "ParameterNotFound"
    ssm.put_parameter(Name="/cws/once", Value=images[0], **IMAGE)
    told = ssm.put_parameter(Name="/cws/once", Value="ami-0123456789abcdef0", Overwrite=True, **IMAGE)
    assert told["Version"] == 2
    assert ssm.get_parameter(Name="/cws/once")["Parameter"]["Value"] == images[0]
    west = rig.client(sandbox, "ssm", region="us-west-2")
    west.put_parameter(Name="/cws/far", Value=images[0], **IMAGE)
    assert refused(west.get_parameter, Name="/cws/far") == "ParameterNotFound"
    assert ssm.put_parameter(Name="/cws/text", Value="ami-0123456789abcdef0", Type="String")["Version"] == 1


def test_paths_tags_and_deletion(ssm, channel):
    ssm.put_parameter(Name="/cws/t/more/deep", Value="1", Type="String")
    below = ssm.get_parameters_by_path(Path="/cws/t", Recursive=True)["Parameters"]
    assert {p["Name"] for p in below} == {channel, "/cws/t/more/deep"}
    assert {p["Name"] for p in ssm.get_parameters_by_path(Path="/cws/t")["Parameters"]} == {channel}
    by_label = [{"Key": "Label", "Values": ["stable"]}]
    labelled = ssm.get_parameters_by_path(Path="/cws/t", Recursive=True, ParameterFilters=by_label)["Parameters"]
    assert [(p["Name"], p["Version"]) for p in labelled] == [(channel, 1)]
    asked = {"ResourceType": "Parameter", "ResourceId": channel}
    assert ssm.list_tags_for_resource(**asked)["TagList"] == [{"Key": "cws:template", "Value": "t"}]
    ssm.delete_parameter(Name="/cws/t/more/deep")
    assert refused(ssm.delete_parameter, Name="/cws/t/more/deep") == "ParameterNotFound"
