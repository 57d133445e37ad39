"""What a restart of the server keeps of settings, the recycle bin, protection, reports and parameters."""

from __future__ import annotations

import pytest

from sandbox import rig

KEPT = {"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}
TAGS = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in ("image", "snapshot")]


@pytest.fixture
def sandbox(tmp_path):
    with rig.running(tmp_path / "state") as sandbox:
        yield sandbox


def furnish(sandbox):
    """Make one of everything; return the images: one protected, one in the bin."""
    ec2, ssm = rig.client(sandbox), rig.client(sandbox, "ssm")
    protected = rig.make_image(ec2, "protected")["ImageId"]
    ec2.enable_image_deregistration_protection(ImageId=protected, WithCooldown=True)
    for kind in ("EC2_IMAGE", "EBS_SNAPSHOT"):
        rig.client(sandbox, "rbin").create_rule(ResourceType=kind, RetentionPeriod=KEPT)
    binned = rig.make_image(ec2, "binned", TagSpecifications=TAGS)
    ec2.deregister_image(ImageId=binned["ImageId"], DeleteAssociatedSnapshots=True)
    ec2.disable_image_block_public_access()
    ec2.enable_snapshot_block_public_access(State="block-new-sharing")
    ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["amazon"]}])
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    ec2.create_image_usage_report(ImageId=protected, ResourceTypes=[{"ResourceType": "ec2:Instance"}])
    words = {"Name": "/cws/ami", "Value": protected, "Type": "String", "DataType": "aws:ec2:image"}
    ssm.put_parameter(**words, Tags=[{"Key": "a", "Value": "b"}], AllowedPattern="ami-.*")
    ssm.put_parameter(**words, Overwrite=True)
    ssm.label_parameter_version(Name="/cws/ami", ParameterVersion=1, Labels=["stable"])
    return protected, binned


def picture(sandbox):
    """Describe everything that is saved."""
    ec2, ssm = rig.client(sandbox), rig.client(sandbox, "ssm")
    answers = [
        ec2.list_images_in_recycle_bin(),
        ec2.list_snapshots_in_recycle_bin(),
        ec2.get_image_block_public_access_state(),
        ec2.get_snapshot_block_public_access_state(),
        ec2.get_allowed_images_settings(),
        ec2.describe_images(Owners=["self"]),
        rig.client(sandbox, "rbin").list_rules(ResourceType="EC2_IMAGE"),
        ssm.get_parameter_history(Name="/cws/ami"),
        ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/cws/ami"),
        ssm.get_parameter(Name="/cws/ami:stable"),
    ]
    reports = ec2.describe_image_usage_reports()["ImageUsageReports"]
    told = [{k: v for k, v in answer.items() if k != "ResponseMetadata"} for answer in answers]
    return [*told, [report["ReportId"] for report in reports]]


def test_down_and_up_keep_everything(sandbox):
    protected, binned = furnish(sandbox)
    before = picture(sandbox)
    sandbox.down(rig.quiet)
    sandbox.up(rig.quiet)
    assert picture(sandbox) == before
    ec2 = rig.client(sandbox)
    snapshot = binned["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.restore_snapshot_from_recycle_bin(SnapshotId=snapshot)
    ec2.restore_image_from_recycle_bin(ImageId=binned["ImageId"])
    back = rig.image(ec2, binned["ImageId"])
    assert {k: v for k, v in back.items() if k != "ImageAllowed"} == binned
    assert rig.run(ec2, ImageId=binned["ImageId"])["ImageId"] == binned["ImageId"]
    assert rig.image(ec2, protected)["DeregistrationProtection"] == "enabled-with-cooldown"
