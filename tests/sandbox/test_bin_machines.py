"""The recycle bin and Auto Scaling groups with real machines: a file system outlives its snapshot's deletion."""

from __future__ import annotations

import pytest

from cws_build.sandbox.podman import LABEL
from sandbox import rig

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]
KEPT = {"RetentionPeriodValue": 1, "RetentionPeriodUnit": "DAYS"}


@pytest.fixture(scope="module")
def machines():
    return True


def file_systems(sandbox):
    listed = rig.podman("images", "--format", "{{.Repository}}:{{.Tag}}")
    return [line for line in listed.splitlines() if f"cws-build-sandbox-{sandbox.status().id}:" in line]


def containers(sandbox):
    return rig.podman("ps", "-q", "--filter", f"label={LABEL}={sandbox.status().id}").split()


def test_what_comes_back_from_the_bin_still_boots_and_what_leaves_it_is_gone(sandbox, ec2):
    rbin = rig.client(sandbox, "rbin")
    for kind in ("EC2_IMAGE", "EBS_SNAPSHOT"):
        rbin.create_rule(ResourceType=kind, RetentionPeriod=KEPT)
    found = rig.make_image(ec2, "binned")
    image_id, snapshot = found["ImageId"], found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    sandbox.down(rig.quiet)
    sandbox.up(rig.quiet)
    ec2 = rig.client(sandbox)
    assert file_systems(sandbox) == [f"localhost/cws-build-sandbox-{sandbox.status().id}:{snapshot}"]
    ec2.restore_snapshot_from_recycle_bin(SnapshotId=snapshot)
    ec2.restore_image_from_recycle_bin(ImageId=image_id)
    machine = rig.run(ec2, ImageId=image_id)["InstanceId"]
    assert len(containers(sandbox)) == 1
    ec2.terminate_instances(InstanceIds=[machine])
    rig.in_state(ec2, machine, "terminated")
    ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    sandbox.advance(86401)
    rig.until(lambda: not file_systems(sandbox))
    assert ec2.list_snapshots_in_recycle_bin()["Snapshots"] == []


def test_the_machines_of_a_group_run_and_end_with_it(sandbox):
    ec2, groups = rig.client(sandbox), rig.client(sandbox, "autoscaling")
    data = {"ImageId": rig.DEBIAN, "InstanceType": "t3.micro"}
    ec2.create_launch_template(LaunchTemplateName="grown", LaunchTemplateData=data)
    groups.create_auto_scaling_group(
        AutoScalingGroupName="one",
        LaunchTemplate={"LaunchTemplateName": "grown"},
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=["us-east-1b"],
    )
    (group,) = groups.describe_auto_scaling_groups()["AutoScalingGroups"]
    rig.in_state(ec2, group["Instances"][0]["InstanceId"], "running")
    assert len(containers(sandbox)) == 1
    groups.delete_auto_scaling_group(AutoScalingGroupName="one", ForceDelete=True)
    rig.until(lambda: not containers(sandbox))
