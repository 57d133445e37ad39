"""Faults over HTTP: each kind does to a call what it says, to the calls it names, as often as it says."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from cws_build.errors import ToolError
from cws_build.sandbox.control import Sandbox
from cws_build.sandbox.faults import Faults
from cws_build.sandbox.records import Fault
from cws_build.sandbox.request import Asked
from sandbox import rig


@pytest.fixture(autouse=True)
def _faults_end_with_the_test(sandbox):
    yield
    sandbox.clear_faults()


def code_of(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"]


@pytest.mark.parametrize(("words", "region"), [(("--region", "eu-west-1"), "eu-west-1"), ((), "")])
def test_the_command_limits_a_fault_to_the_region_it_names(sandbox, cws, monkeypatch, words, region):
    monkeypatch.setenv("CWS_BUILD_STATE", str(sandbox.state.parent))
    monkeypatch.setenv("AWS_REGION", "us-west-2")  # where somebody works says nothing about what they want to fail
    assert cws("sandbox", "fault", "add", "--call", "CopyImage", "--fails", "no room", *words).code == 0
    assert [(fault.call, fault.region) for fault in sandbox.faults()] == [("CopyImage", region)]


def test_an_error_strikes_as_often_as_told_and_where_told(sandbox, ec2):
    sandbox.add_fault(Fault(call="DescribeImages", error="UnauthorizedOperation", times=2, region="us-east-1"))
    other = rig.client(sandbox, region="eu-west-1")
    assert other.describe_images(MaxResults=1)["Images"]
    assert code_of(ec2.describe_images) == "UnauthorizedOperation"
    assert code_of(ec2.describe_images) == "UnauthorizedOperation"
    assert ec2.describe_images(MaxResults=1)["Images"]
    assert sandbox.faults() == []


def test_botocore_repeats_a_throttled_call_by_itself(sandbox):
    sandbox.add_fault(Fault(call="DescribeImages", error="RequestLimitExceeded", times=2))
    patient = rig.client(sandbox, retries={"total_max_attempts": 4, "mode": "standard"})
    answer = patient.describe_images(MaxResults=1)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


def test_a_fault_at_the_nth_call(sandbox, ec2):
    sandbox.add_fault(Fault(call="DescribeVpcs", error="InternalError", at=2))
    assert ec2.describe_vpcs()["Vpcs"]
    assert code_of(ec2.describe_vpcs) == "InternalError"
    assert ec2.describe_vpcs()["Vpcs"]


def test_a_bucket_lets_n_calls_pass_in_a_period(sandbox, ec2):
    sandbox.add_fault(Fault(call="DescribeVpcs", throttle=2, period=600))
    ec2.describe_vpcs()
    ec2.describe_vpcs()
    assert code_of(ec2.describe_vpcs) == "RequestLimitExceeded"
    assert sandbox.faults()[0].hits == 1


def test_aws_own_words_are_the_default_message(sandbox, ec2):
    sandbox.add_fault(Fault(call="RunInstances", error="InsufficientInstanceCapacity"))
    with pytest.raises(ClientError) as error:
        rig.run(ec2)
    assert "sufficient capacity" in error.value.response["Error"]["Message"]
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_a_message_of_ones_own(sandbox):
    sandbox.add_fault(Fault(call="GetParameter", error="AccessDeniedException", message="no & <never>"))
    ssm = rig.client(sandbox, "ssm")
    with pytest.raises(ClientError) as error:
        ssm.get_parameter(Name="/x")
    assert error.value.response["Error"] == {"Code": "AccessDeniedException", "Message": "no & <never>"}


def test_an_image_fails_with_its_snapshot(sandbox, ec2):
    machine = rig.run(ec2)["InstanceId"]
    sandbox.add_fault(Fault(call="CreateImage", fails="disk broke", times=1))
    failed = rig.image_in_state(ec2, ec2.create_image(InstanceId=machine, Name="broken")["ImageId"], "failed")
    assert failed["StateReason"]["Message"] == "disk broke"
    snapshot = failed["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "error"
    good = ec2.create_image(InstanceId=machine, Name="broken")["ImageId"]
    assert rig.image_in_state(ec2, good), "the name of a failed image is free"


def test_a_copy_fails(sandbox, ec2):
    source = rig.make_image(ec2, "to copy")["ImageId"]
    sandbox.add_fault(Fault(call="CopyImage", fails="copy broke", region="us-west-2"))
    west = rig.client(sandbox, region="us-west-2")
    copy = west.copy_image(SourceImageId=source, SourceRegion="us-east-1", Name="copy")["ImageId"]
    assert rig.image_in_state(west, copy, "failed")["StateReason"]["Message"] == "copy broke"


def test_a_machine_that_cannot_start_is_terminated(sandbox, ec2):
    sandbox.add_fault(Fault(call="RunInstances", fails="no disk", times=1))
    answer = ec2.run_instances(ImageId=rig.DEBIAN, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    found = rig.in_state(ec2, answer["InstanceId"], "terminated")
    assert found["StateReason"] == {"Code": "Server.InternalError", "Message": "Server.InternalError: no disk"}


def test_a_machine_dies_after_it_ran(sandbox, ec2):
    sandbox.add_fault(Fault(call="RunInstances", kills="terminated", after=0.3, times=1))
    # How long it runs is too short for a busy test to be sure to see it.
    gone = rig.in_state(ec2, rig.start(ec2), "terminated")
    assert gone["StateReason"] == {"Code": "Server.InternalError", "Message": "Server.InternalError: the host failed"}


def test_a_call_kills_the_machine_it_names(sandbox, ec2):
    machine = rig.run(ec2)["InstanceId"]
    sandbox.add_fault(Fault(call="DescribeInstances", kills="stopped", at=2))
    rig.instance(ec2, machine)
    rig.instance(ec2, machine)
    assert rig.in_state(ec2, machine, "stopped")


def test_a_delay_is_waited_before_the_call():
    faults = Faults()
    faults.add(Fault(call="*", delay=1.5))
    faults.add(Fault(call="CopyImage", delay=2, region="us-west-2"))
    assert faults.judge(Asked(call="CopyImage", region="us-west-2")).delay == 3.5
    assert faults.judge(Asked(call="CopyImage", region="us-east-1")).delay == 1.5


def test_faults_are_listed_with_ids_and_cleared(sandbox):
    first = sandbox.add_fault(Fault(call="CopyImage", delay=0.1))
    second = sandbox.add_fault(Fault(call="RunInstances", error="VcpuLimitExceeded"))
    assert [fault.id for fault in sandbox.faults()] == [first.id, second.id]
    sandbox.clear_faults()
    assert sandbox.faults() == []


def test_no_faults_without_a_sandbox(tmp_path):
    with pytest.raises(ToolError) as error:
        Sandbox(tmp_path, tmp_path).add_fault(Fault(call="CopyImage"))
    assert error.value.hint == "cws-build sandbox up"
