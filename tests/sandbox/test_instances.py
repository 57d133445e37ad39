"""Instances over HTTP, without machines: what RunInstances checks, and the states that follow."""

from __future__ import annotations

import base64
import ipaddress

import pytest
from botocore.exceptions import ClientError

from cws_build.sandbox.records import Fault
from sandbox import rig


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"]


def request(**words):
    return {"ImageId": rig.DEBIAN, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **words}


def test_an_instance_is_pending_and_then_runs_on_a_loopback_address(sandbox, ec2):
    answer = ec2.run_instances(**request())["Instances"][0]
    assert answer["State"]["Name"] == "pending"
    found = rig.in_state(ec2, answer["InstanceId"], "running")
    block = ipaddress.ip_network(sandbox.status().url.split("//")[1].split(":")[0] + "/16", strict=False)
    assert ipaddress.ip_address(found["PrivateIpAddress"]) in block
    assert found["PublicIpAddress"] == found["PrivateIpAddress"]
    assert [group["GroupName"] for group in found["SecurityGroups"]] == ["default"]


def test_regions_have_networks_of_their_own(sandbox, ec2):
    regions = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert len(regions) > 15
    vpcs = [
        ipaddress.ip_network(rig.client(sandbox, region=region).describe_vpcs()["Vpcs"][0]["CidrBlock"])
        for region in ("us-east-1", "eu-west-1", "ap-south-1")
    ]
    assert not any(a.overlaps(b) for a in vpcs for b in vpcs if a is not b)


def test_a_client_token_gives_one_instance(ec2):
    first = ec2.run_instances(**request(ClientToken="t"))["Instances"][0]["InstanceId"]
    again = ec2.run_instances(**request(ClientToken="t"))["Instances"][0]["InstanceId"]
    assert first == again
    ubuntu = ec2.describe_images(Owners=["099720109477"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])[
        "Images"
    ][0]["ImageId"]
    assert refused(ec2.run_instances, **request(ClientToken="t", ImageId=ubuntu)) == "IdempotentParameterMismatch"


def test_resolve_ssm_follows_own_parameters_versions_and_labels(sandbox, ec2):
    ssm = rig.client(sandbox, "ssm")
    images = [image["ImageId"] for image in ec2.describe_images(Owners=["136693071363", "099720109477"])["Images"]]
    x86 = [i for i in images if rig.image(ec2, i)["Architecture"] == "x86_64"]
    ssm.put_parameter(Name="/cws/python-ml", Value=x86[0], Type="String", DataType="aws:ec2:image")
    ssm.put_parameter(Name="/cws/python-ml", Value=x86[1], Type="String", Overwrite=True)
    ssm.label_parameter_version(Name="/cws/python-ml", ParameterVersion=1, Labels=["stable"])
    for name, expected in (("", x86[1]), (":1", x86[0]), (":stable", x86[0])):
        found = rig.run(ec2, ImageId=f"resolve:ssm:/cws/python-ml{name}")
        assert found["ImageId"] == expected
    assert refused(ec2.run_instances, **request(ImageId="resolve:ssm:/cws/none")) == "InvalidAMIID.NotFound"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "image-1"}, "InvalidAMIID.Malformed"),
        ({"InstanceType": "t3.gigantic"}, "InvalidParameterValue"),
        ({"InstanceType": "t4g.micro"}, "InvalidParameterValue"),
        ({"KeyName": "lost"}, "InvalidKeyPair.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 2}}]}, "InvalidBlockDeviceMapping"),
    ],
)
def test_what_run_instances_refuses(ec2, words, code):
    assert refused(ec2.run_instances, **request(**words)) == code


def test_an_image_that_is_not_available_does_not_launch(sandbox, ec2):
    machine = rig.run(ec2)["InstanceId"]
    sandbox.add_fault(Fault(call="CreateImage", fails="broken", times=1))
    image = ec2.create_image(InstanceId=machine, Name="broken")["ImageId"]
    rig.image_in_state(ec2, image, "failed")
    assert refused(ec2.run_instances, **request(ImageId=image)) == "InvalidAMIID.Unavailable"
    ec2.deregister_image(ImageId=image)
    assert refused(ec2.run_instances, **request(ImageId=image)) == "InvalidAMIID.NotFound"


def test_a_network_outside_the_block_is_refused(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    assert refused(ec2.run_instances, **request(SubnetId=subnet)) == "Unsupported"


def test_stop_start_terminate(ec2):
    machine = rig.run(ec2)["InstanceId"]
    stopping = ec2.stop_instances(InstanceIds=[machine])["StoppingInstances"][0]
    assert (stopping["PreviousState"]["Name"], stopping["CurrentState"]["Name"]) == ("running", "stopping")
    rig.in_state(ec2, machine, "stopped")
    assert ec2.start_instances(InstanceIds=[machine])["StartingInstances"][0]["CurrentState"]["Name"] == "pending"
    rig.in_state(ec2, machine, "running")
    ec2.reboot_instances(InstanceIds=[machine])
    rig.in_state(ec2, machine, "running")
    ec2.terminate_instances(InstanceIds=[machine])
    gone = rig.in_state(ec2, machine, "terminated")
    assert gone["BlockDeviceMappings"] == []
    attached = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [machine]}])["Volumes"]
    assert attached == []
    assert refused(ec2.start_instances, InstanceIds=[machine]) == "IncorrectInstanceState"
    assert refused(ec2.create_image, InstanceId=machine, Name="of a ghost") == "IncorrectState"


def test_addresses_and_interfaces_are_given_back(ec2):
    def once():
        found = rig.run(ec2)
        ec2.terminate_instances(InstanceIds=[found["InstanceId"]])
        rig.in_state(ec2, found["InstanceId"], "terminated")
        return found["PrivateIpAddress"], found["NetworkInterfaces"][0]["NetworkInterfaceId"]

    made = [once() for _ in range(3)]
    left = {interface["NetworkInterfaceId"] for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]}
    assert len({address for address, _ in made}) < 3
    assert not left & {interface for _, interface in made}


def test_tags_of_instance_and_volume(ec2):
    tags = [
        {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "one"}]},
        {"ResourceType": "volume", "Tags": [{"Key": "cws:run", "Value": "r"}]},
    ]
    found = rig.run(ec2, TagSpecifications=tags)
    volume = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    described = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
    assert found["Tags"] == tags[0]["Tags"]
    assert described["Tags"] == tags[1]["Tags"]
    assert (described["Size"], described["VolumeType"], described["SnapshotId"][:5]) == (8, "gp3", "snap-")


def test_instances_come_in_pages(ec2):
    for _ in range(3):
        rig.run(ec2)
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    paged = [r["ReservationId"] for page in pages for r in page["Reservations"]]
    assert sorted(paged) == sorted(r["ReservationId"] for r in ec2.describe_instances()["Reservations"])


def test_max_count_is_what_starts(ec2):
    answer = ec2.run_instances(**request(MinCount=1, MaxCount=3))
    assert len(answer["Instances"]) == 3
    assert len({instance["PrivateIpAddress"] for instance in answer["Instances"]}) == 3


def test_a_launch_template_is_followed(ec2):
    found = ec2.describe_images(Owners=["136693071363"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])
    data = {"ImageId": found["Images"][0]["ImageId"], "InstanceType": "t3.small"}
    ec2.create_launch_template(LaunchTemplateName="cws", LaunchTemplateData=data)
    answer = ec2.run_instances(LaunchTemplate={"LaunchTemplateName": "cws"}, MinCount=1, MaxCount=1)["Instances"][0]
    assert (answer["ImageId"], answer["InstanceType"]) == (data["ImageId"], "t3.small")


def test_keys_are_imported_and_made(ec2):
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(range(32))
    public = b"ssh-ed25519 " + base64.b64encode(blob) + b" somebody"
    assert ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=public)["KeyPairId"].startswith("key-")
    made = ec2.create_key_pair(KeyName="made", KeyType="ed25519")
    assert "OPENSSH PRIVATE KEY" in made["KeyMaterial"]
    assert rig.run(ec2, KeyName="mine")["KeyName"] == "mine"


def test_console_output_of_an_api_without_machines_is_empty(ec2):
    machine = rig.run(ec2)["InstanceId"]
    assert ec2.get_console_output(InstanceId=machine).get("Output", "") == ""


def test_who_am_i(sandbox):
    assert rig.client(sandbox, "sts").get_caller_identity()["Account"] == "123456789012"


def test_status_tells_that_machines_are_off(sandbox, ec2):
    machine = rig.run(ec2, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "seen"}]}])
    status = sandbox.status()
    seen = next(found for found in status.machines if found.instance_id == machine["InstanceId"])
    assert (status.running, status.machines_real) == (True, False)
    assert (seen.region, seen.state, seen.name) == ("us-east-1", "running", "seen")
    assert 0 < status.memory_mb < 400
