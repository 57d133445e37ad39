"""What uses an image: machines, launch templates, auto scaling groups and parameters, each once, over the wire."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from cws_build.drivers.aws import Account
from cws_build.errors import AccessDenied, CloudError
from tests.image_box import HOME, STRANGER, box_in

GROUP = {"MinSize": 0, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"]}
NOWHERE = "ami-0123456789abcdef0"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with box_in(tmp_path_factory.mktemp("references")) as box:
        yield box


@pytest.fixture(scope="module")
def used(box):
    """Make two images and users of them in all ways; return the images."""
    one, two = box.image("one"), box.image("two")
    box.machine(one)
    gone = box.machine(one)
    box.client().terminate_instances(InstanceIds=[gone])
    parameters = box.account.parameters()
    parameters.put("/cws/studio/x86_64", one, {})
    parameters.put("/cws/studio/x86_64", two, {})
    parameters.label("/cws/studio/x86_64", 1, "stable")
    parameters.put("plain", one, {})
    box.client("ssm").put_parameter(Name="text", Value=one, Type="String")
    ec2, scaling = box.client(), box.client("autoscaling")
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": one})
    for image in (two, NOWHERE):
        ec2.create_launch_template_version(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image})
    by_label = {"ImageId": "resolve:ssm:/cws/studio/x86_64:stable", "InstanceType": "t3.micro"}
    ec2.create_launch_template(LaunchTemplateName="channel", LaunchTemplateData=by_label)
    public = {"ImageId": "resolve:ssm:/aws/service/debian/release/12/latest/amd64"}
    ec2.create_launch_template(LaunchTemplateName="public", LaunchTemplateData=public)
    web = {"LaunchTemplateName": "web", "Version": "$Default"}
    mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": web, "Overrides": [{"InstanceType": "t3.micro"}]}}
    template = {"LaunchTemplateName": "channel", "Version": "$Latest"}
    scaling.create_auto_scaling_group(AutoScalingGroupName="latest", LaunchTemplate=template, **GROUP)
    scaling.create_auto_scaling_group(AutoScalingGroupName="pinned", LaunchTemplate=web | {"Version": "2"}, **GROUP)
    scaling.create_auto_scaling_group(AutoScalingGroupName="mixed", MixedInstancesPolicy=mixed, **GROUP)
    scaling.create_launch_configuration(LaunchConfigurationName="old", ImageId=two, InstanceType="t3.micro")
    scaling.create_auto_scaling_group(AutoScalingGroupName="ancient", LaunchConfigurationName="old", **GROUP)
    return one, two


def told(found):
    """Return references without their ids where these are made up, and without their dates."""
    return [(one.kind, "" if one.id.startswith(("i-", "lt-")) else one.id, one.detail) for one in found]


ONE = [
    ("auto_scaling_group", "latest", "by launch template channel, version $Latest"),
    ("auto_scaling_group", "mixed", "by launch template web, version $Default"),
    ("launch_template", "", "channel, version 1 (default) by resolve:ssm:/cws/studio/x86_64:stable"),
    ("launch_template", "", "web, version 1 (default)"),
    ("ssm_parameter", "/cws/studio/x86_64", "version 1 (stable)"),
    ("ssm_parameter", "plain", "version 1"),
    ("ssm_parameter", "text", "version 1"),
]
TWO = [
    ("auto_scaling_group", "ancient", "by launch configuration old"),
    ("auto_scaling_group", "pinned", "by launch template web, version 2"),
    ("launch_template", "", "web, version 2"),
    ("ssm_parameter", "/cws/studio/x86_64", "version 2"),
]


def test_everything_that_uses_an_image_is_found_once_with_its_date(box, used):
    found = box.images.references([*used, NOWHERE])
    assert list(found) == [*used, NOWHERE]
    machines = [reference for reference in found[used[0]] if reference.kind == "instance"]
    assert [(machine.detail, machine.region) for machine in machines] in ([("running", HOME)], [("pending", HOME)])
    assert sorted(told([one for one in found[used[0]] if one.kind != "instance"])) == ONE
    assert sorted(told(found[used[1]])) == TWO
    assert told(found[NOWHERE]) == [("launch_template", "", "web, version 3")]
    assert all(reference.at for references in found.values() for reference in references)


def test_an_endpoint_without_the_call_is_read_through_instead(box, used):
    from cws_build.sandbox.records import Fault

    full = box.images.references(used)
    # Of parameters that SSM does not know to name images, EC2 alone tells.
    full[used[0]] = [one for one in full[used[0]] if one.id != "text"]
    box.sandbox.add_fault(Fault(call="DescribeImageReferences", error="InvalidAction", message="not valid"))
    assert box.images.references(used) == full
    box.sandbox.clear_faults()


def test_an_endpoint_without_auto_scaling_has_no_groups(box, used):
    from cws_build.sandbox.records import Fault

    box.sandbox.add_fault(Fault(call="DescribeAutoScalingGroups", error="InvalidAction", message="not valid"))
    found = box.images.references(used)[used[1]]
    assert told(found) == TWO[2:]
    box.sandbox.clear_faults()


def test_what_may_not_be_asked_is_an_error_and_no_empty_list(box, used):
    from cws_build.sandbox.records import Fault

    for call in ("DescribeAutoScalingGroups", "DescribeImageReferences", "DescribeInstances"):
        box.sandbox.add_fault(Fault(call=call, error="UnauthorizedOperation", message="no"))
        with pytest.raises(AccessDenied):
            box.images.references(used)
        box.sandbox.clear_faults()


def test_parameters_that_may_not_be_listed_are_told_by_ec2(box, used):
    from cws_build.sandbox.records import Fault

    box.sandbox.add_fault(Fault(call="DescribeParameters", error="AccessDeniedException", message="no"))
    found = box.images.references(used)
    assert ("ssm_parameter", "/cws/studio/x86_64", "") in told(found[used[1]])
    assert ("ssm_parameter", "plain", "") in told(found[used[0]])
    box.sandbox.add_fault(Fault(call="DescribeImageReferences", error="InvalidAction", message="not valid"))
    with pytest.raises(AccessDenied):
        box.images.references(used)
    box.sandbox.clear_faults()


def test_nothing_is_asked_for_nothing():
    account = Account(region=HOME, credentials=("key", "secret"))
    with Stubber(account.client("ec2", HOME)):
        assert account.images().references([]) == {}


def test_more_images_than_ec2_takes_are_asked_about_in_parts(box, used):
    many = [f"ami-{number:017x}" for number in range(25)]
    found = box.images.references([*many, *used])
    assert list(found) == [*many, *used]
    assert [image for image, references in found.items() if references] == list(used)


def test_ec2s_references_keep_what_only_they_know():
    account = Account(region=HOME, credentials=("key", "secret"))
    arns = {
        "imagebuilder:ImageRecipe": "arn:aws:imagebuilder:us-east-1:1:image-recipe/web/1.0.0",
        "imagebuilder:ContainerRecipe": "arn:aws:imagebuilder:us-east-1:1:container-recipe/web/1.0.0",
        "ssm:Parameter": "arn:aws:ssm:us-east-1:1:parameter/cws/studio",
    }
    references = [{"ImageId": NOWHERE, "ResourceType": kind, "Arn": arn} for kind, arn in arns.items()]
    with (
        Stubber(account.client("ec2", HOME)) as ec2,
        Stubber(account.client("autoscaling", HOME)) as scaling,
        Stubber(account.client("ssm", HOME)) as ssm,
    ):
        ec2.add_response("describe_image_references", {"ImageReferences": references[:2], "NextToken": "more"})
        ec2.add_response("describe_image_references", {"ImageReferences": references[2:]})
        ec2.add_response("describe_instances", {"Reservations": []})
        scaling.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": []})
        ec2.add_response("describe_launch_template_versions", {"LaunchTemplateVersions": []})
        ssm.add_response("describe_parameters", {"Parameters": []})
        ssm.add_client_error("get_parameter_history", "ParameterNotFound", "went in between")
        found = account.images().references([NOWHERE])[NOWHERE]
    assert told(found) == [
        ("image_recipe", arns["imagebuilder:ContainerRecipe"], "container recipe"),
        ("image_recipe", arns["imagebuilder:ImageRecipe"], ""),
        ("ssm_parameter", "/cws/studio", ""),
    ]


def test_other_accounts_that_use_an_image_are_in_awss_report(box):
    from cws_build.ports.images import Access

    image = box.image("reported")
    box.images.share(image, Access(accounts=(STRANGER,)))
    theirs = Account(region=HOME, endpoint=box.account.endpoint, credentials=(STRANGER, "secret"))
    words = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 2, "MaxCount": 2}
    theirs.client("ec2", HOME).run_instances(**words)
    found = box.images.usage(image, 30)
    assert [(one.kind, one.id, one.detail, one.region) for one in found] == [
        ("account", STRANGER, "2 ec2:Instance", HOME)
    ]
    assert box.client().describe_image_usage_reports(ImageIds=[image])["ImageUsageReports"] == []


def test_a_report_that_is_not_ready_in_time_is_read_the_next_time(box):
    image = box.image("slow")
    assert box.images.usage(image, 0) is None
    assert len(box.client().describe_image_usage_reports(ImageIds=[image])["ImageUsageReports"]) == 1
    assert box.images.usage(image, 30) == []


def test_a_report_that_fails_says_so_and_none_is_offered_everywhere(box):
    from cws_build.sandbox.records import Fault

    account = Account(region=HOME, credentials=("key", "secret"))
    with Stubber(account.client("ec2", HOME)) as stub:
        stub.add_response("describe_image_usage_reports", {"ImageUsageReports": []})
        stub.add_response("create_image_usage_report", {"ReportId": "r-1"})
        failed = {"ReportId": "r-1", "State": "error", "StateReason": "internal"}
        stub.add_response("describe_image_usage_reports", {"ImageUsageReports": [failed]})
        with pytest.raises(CloudError, match="internal"):
            account.images().usage(NOWHERE, 1)
    box.sandbox.add_fault(Fault(call="CreateImageUsageReport", error="InvalidAction", message="not valid"))
    assert box.images.usage(box.image(), 1) is None
    box.sandbox.clear_faults()
