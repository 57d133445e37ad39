"""The resources of runs: how each kind is listed, and how it is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.model.image import DIGEST_TAG, EXPIRES_TAG, RUN_TAG, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef


def tag_map(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of whatever a Describe call told of."""
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags") or []}


def tag_list(tags: Mapping[str, str]) -> list[Any]:
    """Return tags as calls take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _resource(kind: str, ident: str, region: str, described: Mapping[str, Any], **more: Any) -> Resource:  # noqa: ANN401  fields of any kind
    tags = tag_map(described)
    # A machine that was launched bears the digest too, and is nobody's result before its run is over.
    ready = kind in {"image", "snapshot"} and DIGEST_TAG in tags
    return Resource(kind, ident, region, tags.get(RUN_TAG, ""), tags.get(EXPIRES_TAG, ""), ready=ready, **more)


def _pages(ec2: EC2Client, call: str, filters: Sequence[FilterTypeDef], **more: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401  as the call has them
    paginators: Any = ec2
    yield from paginators.get_paginator(call).paginate(Filters=filters, **more)


def _instances(ec2: EC2Client, filters: Sequence[FilterTypeDef], region: str) -> Iterator[Resource]:
    alive: FilterTypeDef = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
    for page in _pages(ec2, "describe_instances", [*filters, alive]):
        for machine in (machine for group in page["Reservations"] for machine in group["Instances"]):
            since, kind = machine["LaunchTime"].isoformat(), machine["InstanceType"]
            yield _resource("instance", machine["InstanceId"], region, machine, created=since, detail=kind)


def _volumes(ec2: EC2Client, filters: Sequence[FilterTypeDef], region: str) -> Iterator[Resource]:
    for page in _pages(ec2, "describe_volumes", filters):
        for volume in page["Volumes"]:
            since, size = volume["CreateTime"].isoformat(), f"{volume['Size']} GB"
            yield _resource("volume", volume["VolumeId"], region, volume, created=since, detail=size)


def _images(ec2: EC2Client, filters: Sequence[FilterTypeDef], region: str) -> Iterator[Resource]:
    for page in _pages(ec2, "describe_images", filters, Owners=["self"]):
        for image in page["Images"]:
            since, name = image.get("CreationDate", ""), image.get("Name", "")
            yield _resource("image", image["ImageId"], region, image, created=since, detail=name)


def snapshots(ec2: EC2Client, filters: Sequence[FilterTypeDef], region: str) -> Iterator[Resource]:
    """Yield own snapshots."""
    for page in _pages(ec2, "describe_snapshots", filters, OwnerIds=["self"]):
        for snapshot in page["Snapshots"]:
            since, size = snapshot["StartTime"].isoformat(), f"{snapshot['VolumeSize']} GB"
            yield _resource("snapshot", snapshot["SnapshotId"], region, snapshot, created=since, detail=size)


def _key_pairs(ec2: EC2Client, filters: Sequence[FilterTypeDef], region: str) -> Iterator[Resource]:
    for pair in ec2.describe_key_pairs(Filters=filters)["KeyPairs"]:
        yield _resource("key_pair", pair["KeyName"], region, pair)


def _groups(ec2: EC2Client, filters: Sequence[FilterTypeDef], region: str) -> Iterator[Resource]:
    for page in _pages(ec2, "describe_security_groups", filters):
        for group in page["SecurityGroups"]:
            yield _resource("security_group", group["GroupId"], region, group, detail=group["GroupName"])


LISTINGS = (_instances, _images, snapshots, _volumes, _groups, _key_pairs)
"""In the order of removal: machines hold volumes and groups, images hold snapshots."""


def _terminate(ec2: EC2Client, instance: str) -> None:
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig={"Delay": 2, "MaxAttempts": 300})


REMOVALS: dict[str, Callable[[EC2Client, str], object]] = {
    "instance": _terminate,
    "volume": lambda ec2, ident: ec2.delete_volume(VolumeId=ident),
    "image": lambda ec2, ident: ec2.deregister_image(ImageId=ident),
    "snapshot": lambda ec2, ident: ec2.delete_snapshot(SnapshotId=ident),
    "security_group": lambda ec2, ident: ec2.delete_security_group(GroupId=ident),
    "key_pair": lambda ec2, ident: ec2.delete_key_pair(KeyName=ident),
}
