"""Every answer of the overlay has the shape that botocore's service model gives it, down to the last element."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox import rig
from sandbox.shapes import problems


class Watched:
    """A client whose answers are compared with the model as they come in."""

    def __init__(self, client):
        self.client = client
        self.seen = {}
        client.meta.events.register("response-received.ec2", self.note)

    def note(self, response_dict, **_):
        self.body = response_dict["body"]

    def __call__(self, operation, **words):
        answer = getattr(self.client, operation)(**words)
        name = self.client.meta.method_to_api_mapping[operation]
        self.seen[name] = problems(self.client.meta.service_model, name, self.body)
        return answer


def test_answers_match_the_service_model(sandbox):
    here = Watched(rig.client(sandbox))
    there = Watched(rig.client(sandbox, region="us-west-2"))
    machine = rig.run(here.client)["InstanceId"]
    here("describe_instances", InstanceIds=[machine])
    here("get_console_output", InstanceId=machine)
    here("stop_instances", InstanceIds=[machine])
    rig.in_state(here.client, machine, "stopped")
    image = here("create_image", InstanceId=machine, Name="shape")["ImageId"]
    found = rig.image_in_state(here.client, image)
    here("enable_image_deprecation", ImageId=image, DeprecateAt=datetime.now(UTC))
    here("modify_image_attribute", ImageId=image, ImdsSupport={"Value": "v2.0"})
    here("modify_image_attribute", ImageId=image, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    for attribute in ("description", "imdsSupport", "launchPermission", "bootMode", "deregistrationProtection"):
        here("describe_image_attribute", ImageId=image, Attribute=attribute)
    copy = there("copy_image", SourceImageId=image, SourceRegion="us-east-1", Name="shape")["ImageId"]
    rig.image_in_state(there.client, copy)
    snapshot = found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    there("copy_snapshot", SourceSnapshotId=snapshot, SourceRegion="us-east-1")
    for watched in (here, there):
        watched("describe_images", MaxResults=3)
        watched("describe_images", Owners=["self"])
        watched("describe_snapshots", MaxResults=5)
        watched("describe_volumes")
    here("describe_regions", AllRegions=True)
    here("describe_instance_types", MaxResults=5)
    here("describe_instance_type_offerings", LocationType="availability-zone", MaxResults=5)
    here("disable_image_deprecation", ImageId=image)
    here("disable_image", ImageId=image)
    here("enable_image", ImageId=image)
    here("start_instances", InstanceIds=[machine])
    here("run_instances", ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    here("terminate_instances", InstanceIds=[machine])
    here("deregister_image", ImageId=image, DeleteAssociatedSnapshots=True)
    assert {**here.seen, **there.seen} == {key: [] for key in {**here.seen, **there.seen}}
