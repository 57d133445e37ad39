"""What a launch asks of RunInstances: tokens, user data, profiles, spot, capacity by zone and type, latency."""

from __future__ import annotations

import threading
import time

import pytest
from botocore.exceptions import ClientError

from cws_build.sandbox.faults import Faults
from cws_build.sandbox.records import Fault, Stranger
from cws_build.sandbox.request import Asked
from sandbox import rig


@pytest.fixture(autouse=True)
def _faults_end_with_the_test(sandbox):
    yield
    sandbox.clear_faults()


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]


def request(**words):
    return {"ImageId": rig.DEBIAN, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **words}


def test_a_client_token_stands_for_one_request(ec2):
    first = ec2.run_instances(**request(ClientToken="one"))["Instances"][0]["InstanceId"]
    assert ec2.run_instances(**request(ClientToken="one"))["Instances"][0]["InstanceId"] == first
    found = refused(ec2.run_instances, **request(ClientToken="one", InstanceType="t3.small"))
    assert found["Code"] == "IdempotentParameterMismatch"


def test_a_client_token_still_stands_for_an_instance_that_is_gone(ec2):
    first = ec2.run_instances(**request(ClientToken="gone"))["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[first])
    rig.in_state(ec2, first, "terminated")
    again = ec2.run_instances(**request(ClientToken="gone"))["Instances"][0]
    assert (again["InstanceId"], again["State"]["Name"]) == (first, "terminated")


def test_user_data_is_limited_before_base64(ec2):
    machine = ec2.run_instances(**request(UserData="x" * 16384))["Instances"][0]["InstanceId"]
    assert ec2.describe_instance_attribute(InstanceId=machine, Attribute="userData")["UserData"]["Value"]
    found = refused(ec2.run_instances, **request(UserData="x" * 16385))
    assert found == {"Code": "InvalidParameterValue", "Message": "User data is limited to 16384 bytes"}


def test_a_lost_profile_is_refused_and_a_known_one_is_carried(sandbox, ec2):
    found = refused(ec2.run_instances, **request(IamInstanceProfile={"Name": "lost"}))
    assert found["Code"] == "InvalidParameterValue"
    assert found["Message"].startswith("Value (lost) for parameter iamInstanceProfile.name is invalid.")
    profile = rig.client(sandbox, "iam").create_instance_profile(InstanceProfileName="cws")["InstanceProfile"]["Arn"]
    assert rig.run(ec2, IamInstanceProfile={"Name": "cws"})["IamInstanceProfile"]["Arn"] == profile
    assert rig.run(ec2, IamInstanceProfile={"Arn": profile})["IamInstanceProfile"]["Arn"] == profile


def test_metadata_options_are_carried(ec2):
    found = rig.run(ec2, MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2})
    assert (found["MetadataOptions"]["HttpTokens"], found["MetadataOptions"]["HttpPutResponseHopLimit"]) == (
        "required",
        2,
    )


@pytest.mark.parametrize("image", ["ami-0xyz", "ami-12345", "ami-0123456789ABCDEF0", "image"])
def test_a_malformed_image_id_is_named(ec2, image):
    for call, words in ((ec2.run_instances, request(ImageId=image)), (ec2.describe_images, {"ImageIds": [image]})):
        assert refused(call, **words) == {
            "Code": "InvalidAMIID.Malformed",
            "Message": f'Invalid id: "{image}" (expecting "ami-...")',
        }


def test_type_and_image_must_be_of_one_architecture(sandbox, ec2):
    arm = sandbox.add_image(Stranger(name="arm", architecture="arm64")).image_id
    found = refused(ec2.run_instances, **request(ImageId=arm, InstanceType="m7i.large"))
    assert (found["Code"], found["Message"].partition(" of the specified AMI")[0]) == (
        "InvalidParameterValue",
        "The architecture 'x86_64' of the specified instance type does not match the architecture 'arm64'",
    )
    found = refused(ec2.run_instances, **request(InstanceType="m7g.large"))
    assert found["Message"].startswith("The architecture 'arm64' of the specified instance type does not match")


def test_spot_runs_and_can_lack_capacity_while_on_demand_has_it(sandbox, ec2):
    spot = {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}}
    assert rig.run(ec2, **spot)["InstanceLifecycle"] == "spot"
    where = {"InstanceMarketOptions.MarketType": "spot"}
    sandbox.add_fault(Fault(call="RunInstances", error="InsufficientInstanceCapacity", where=where))
    assert refused(ec2.run_instances, **request(**spot))["Code"] == "InsufficientInstanceCapacity"
    assert "InstanceLifecycle" not in rig.run(ec2)


def test_capacity_lacks_by_zone_and_by_type(sandbox, ec2):
    for where in ({"Placement.AvailabilityZone": "us-east-1a"}, {"InstanceType": "g5.*"}):
        sandbox.add_fault(Fault(call="RunInstances", error="InsufficientInstanceCapacity", where=where))
    lacking = "InsufficientInstanceCapacity"
    assert refused(ec2.run_instances, **request(Placement={"AvailabilityZone": "us-east-1a"}))["Code"] == lacking
    assert refused(ec2.run_instances, **request(InstanceType="g5.xlarge"))["Code"] == lacking
    found = rig.run(ec2, Placement={"AvailabilityZone": "us-east-1b"})
    assert found["Placement"]["AvailabilityZone"] == "us-east-1b"


def test_a_stopped_instance_has_no_public_address(ec2):
    machine = rig.run(ec2)
    ec2.stop_instances(InstanceIds=[machine["InstanceId"]])
    stopped = rig.in_state(ec2, machine["InstanceId"], "stopped")
    assert "PublicIpAddress" not in stopped
    assert stopped["PrivateIpAddress"] == machine["PrivateIpAddress"]
    ec2.start_instances(InstanceIds=[machine["InstanceId"]])
    assert rig.in_state(ec2, machine["InstanceId"], "running")["PublicIpAddress"] == machine["PublicIpAddress"]


def test_instance_types_and_offerings(ec2):
    pages = ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 100})
    sizes = [len(page["InstanceTypes"]) for page in pages]
    assert len(sizes) > 5
    assert max(sizes) == 100
    gpu = ec2.describe_instance_types(InstanceTypes=["g5.xlarge"])["InstanceTypes"][0]
    assert (gpu["VCpuInfo"]["DefaultVCpus"], gpu["GpuInfo"]["Gpus"][0]["Manufacturer"]) == (4, "NVIDIA")
    wanted = [{"Name": "instance-type", "Values": ["m7?.large"]}]
    offers = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=wanted)
    assert {offer["InstanceType"] for offer in offers["InstanceTypeOfferings"]} >= {"m7i.large", "m7g.large"}


def test_a_copy_that_lasts_tells_its_progress(sandbox, ec2):
    source = rig.make_image(ec2, "to copy slowly")["ImageId"]
    sandbox.add_fault(Fault(call="CopyImage", lasts=4.0))
    west = rig.client(sandbox, region="us-west-2")
    copy = west.copy_image(SourceImageId=source, SourceRegion="us-east-1", Name="slow")["ImageId"]
    found = rig.image(west, copy)
    assert found["State"] == "pending"
    snapshot = found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    seen = set()

    def described():
        answer = west.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
        seen.add(int(answer["Progress"].rstrip("%")))
        return answer["State"] == "completed"

    rig.until(described)
    assert rig.image(west, copy)["State"] == "available"
    assert max(seen) == 100
    assert any(0 < progress < 100 for progress in seen)


def test_latency_is_waited_for_by_all_calls_at_once(sandbox):
    """Thirty-four calls that each take three seconds overlap: the last one begins before the first one ends."""
    clients = [rig.client(sandbox) for _ in range(34)]
    clients[0].describe_vpcs()
    sandbox.add_fault(Fault(call="DescribeVpcs", latency=3.0))
    answered, together = [], threading.Barrier(len(clients))

    def ask(client):
        together.wait()
        began = time.monotonic()
        client.describe_vpcs()
        answered.append((began, time.monotonic()))

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) == 34
    assert max(began for began, _ in answered) < min(ended for _, ended in answered), "all were under way at once"
    assert all(ended - began >= 3.0 for began, ended in answered)


def test_parameters_of_a_fault_are_patterns():
    faults = Faults()
    faults.add(Fault(call="RunInstances", where={"InstanceType": "p5*", "Placement.AvailabilityZone": "*a"}, delay=1))
    given = {"InstanceType": "p5.48xlarge", "Placement.AvailabilityZone": "us-east-1a"}
    assert faults.judge(Asked(call="RunInstances", parameters=given)).delay == 1
    assert faults.judge(Asked(call="RunInstances", parameters=given | {"InstanceType": "p4d"})).delay == 0
    assert faults.judge(Asked(call="RunInstances")).delay == 0
