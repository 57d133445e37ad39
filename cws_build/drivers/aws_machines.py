"""One region's machines: what a launch asks of EC2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_resources import tag_list, tag_map
from cws_build.errors import CloudError
from cws_build.model.image import EXPIRES_TAG, RUN_TAG, Resource
from cws_build.ports.machines import MachineOrder, MachineState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef

    from cws_build.drivers.aws import Account

_LIVING = ("pending", "running", "stopping", "stopped", "shutting-down")
_GIB = 2**30
_KINDS = {
    "instance": "instance",
    "volume": "volume",
    "key-pair": "key_pair",
    "security-group": "security_group",
}
"""EC2's words for what a machine is made of, and ours."""


class AwsMachines:
    """One region of an account; implements `cws_build.ports.machines.Machines`."""

    def __init__(self, account: Account, region: str, ec2: EC2Client) -> None:
        self.region = region
        self._account = account
        self._ec2 = ec2
        # Registered again for the same client, it would count twice, hence the id.
        name = "needs-retry.ec2.RunInstances"
        ec2.meta.events.register_first(name, _take_for_an_answer, unique_id="cws-build-capacity")

    def run(self, order: MachineOrder) -> MachineState:
        """See the port."""
        where = f" in {order.zone}" if order.zone else f" in {self.region}"
        with translated(f"starting a machine of type {order.instance_type}{where}"):
            answer = self._ec2.run_instances(**_request(order))
        return _state(answer["Instances"][0], self.region)

    def describe(self, ids: Sequence[str]) -> list[MachineState]:
        """See the port."""
        return self._described([{"Name": "instance-id", "Values": list(ids)}]) if ids else []

    def tagged(self, tags: Mapping[str, str]) -> list[MachineState]:
        """See the port."""
        wanted: list[FilterTypeDef] = [{"Name": f"tag:{key}", "Values": [value or "*"]} for key, value in tags.items()]
        return self._described([*wanted, {"Name": "instance-state-name", "Values": list(_LIVING)}])

    def _described(self, filters: list[FilterTypeDef]) -> list[MachineState]:
        with translated(f"looking for machines in {self.region}"):
            pages = self._ec2.get_paginator("describe_instances").paginate(Filters=filters)
            found = [machine for page in pages for group in page["Reservations"] for machine in group["Instances"]]
        return [_state(machine, self.region) for machine in found]

    def start(self, ident: str) -> None:
        """See the port."""
        with translated(f"starting {ident}"):
            self._ec2.start_instances(InstanceIds=[ident])

    def stop(self, ident: str) -> None:
        """See the port."""
        with translated(f"stopping {ident}"):
            self._ec2.stop_instances(InstanceIds=[ident])

    def console(self, ident: str) -> str:
        """See the port."""
        try:
            with translated(f"reading the console of {ident}"):
                # EC2 keeps what a machine said at its last change of state, and the latest only of newer hardware.
                return self._ec2.get_console_output(InstanceId=ident, Latest=True).get("Output", "")
        except CloudError as error:
            if error.details.get("aws_code") not in {"UnsupportedOperation", "InvalidParameterCombination"}:
                raise
        with translated(f"reading the console of {ident}"):
            return self._ec2.get_console_output(InstanceId=ident).get("Output", "")

    def release(self, run: str) -> list[Resource]:
        """See the port."""
        with translated(f"handing over what run {run} has made in {self.region}"):
            pages = self._ec2.get_paginator("describe_tags").paginate(
                Filters=[{"Name": "key", "Values": [RUN_TAG]}, {"Name": "value", "Values": [run]}]
            )
            tags = [(str(tag["ResourceType"]), tag["ResourceId"]) for page in pages for tag in page["Tags"]]
            found = [(_KINDS[kind], ident) for kind, ident in tags if kind in _KINDS]
            if found:
                ours = [{"Key": RUN_TAG}, {"Key": EXPIRES_TAG}]
                self._ec2.delete_tags(Resources=[ident for _, ident in found], Tags=ours)  # type: ignore[arg-type]  # typed too narrowly: a value is optional
            names = self._key_names([ident for kind, ident in found if kind == "key_pair"])
        return [Resource(kind, names.get(ident, ident), self.region) for kind, ident in found]

    def _key_names(self, idents: list[str]) -> dict[str, str]:
        pairs = self._ec2.describe_key_pairs(KeyPairIds=idents)["KeyPairs"] if idents else []
        return {pair["KeyPairId"]: pair["KeyName"] for pair in pairs}

    def lend(self, bucket: str, key: str, content: bytes, seconds: int) -> str:
        """See the port."""
        with translated(f"writing s3://{bucket}/{key}"):
            found = self._account.client("s3", self.region).head_bucket(Bucket=bucket)
            # A URL is signed for one region: the bucket's, wherever the machine runs.
            home = found.get("BucketRegion") or self.region
            s3 = self._account.client("s3", home)
            s3.put_object(Bucket=bucket, Key=key, Body=content)
            where = {"Bucket": bucket, "Key": key}
            return str(s3.generate_presigned_url("get_object", Params=where, ExpiresIn=seconds))

    def zones(self, instance_type: str) -> list[str]:
        """See the port."""
        wanted: FilterTypeDef = {"Name": "instance-type", "Values": [instance_type]}
        with translated(f"asking where {self.region} has {instance_type}"):
            pages = self._ec2.get_paginator("describe_instance_type_offerings").paginate(
                LocationType="availability-zone", Filters=[wanted]
            )
            return sorted(offer["Location"] for page in pages for offer in page["InstanceTypeOfferings"])

    def open_ports(self, group: str, ports: Sequence[int], cidr: str) -> None:
        """See the port."""
        for port in ports:
            try:
                with translated(f"opening port {port} of {group}"):
                    self._ec2.authorize_security_group_ingress(
                        GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp=cidr
                    )
            except CloudError as error:
                if error.details.get("aws_code") != "InvalidPermission.Duplicate":
                    raise

    def written_gb(self, image: str) -> float | None:
        """See the port."""
        with translated(f"asking for the size of {image}"):
            snapshots = _snapshots(self._ec2.describe_images(ImageIds=[image])["Images"][0])
            found = self._ec2.describe_snapshots(SnapshotIds=snapshots)["Snapshots"] if snapshots else []
        sizes = [one.get("FullSnapshotSizeInBytes", 0) for one in found]
        return sum(sizes) / _GIB if sizes and all(sizes) else None


def _take_for_an_answer(response: Any, **_: object) -> None:  # noqa: ANN401  botocore hands over what it has
    """Keep botocore from asking again: EC2 reports a lack of capacity with status 500, like an outage.

    It is an answer, to which the launch has better ones than to repeat the question.
    """
    if response is not None and response[1].get("Error", {}).get("Code") == "InsufficientInstanceCapacity":
        response[0].status_code = 400


def _request(order: MachineOrder) -> dict[str, Any]:
    words = tag_list(order.tags)
    request: dict[str, Any] = {
        "ImageId": order.image,
        "InstanceType": order.instance_type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": order.token,
        "TagSpecifications": [{"ResourceType": kind, "Tags": words} for kind in ("instance", "volume") if words],
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
    }
    if order.volume_gb and order.root_device:
        disk = {"VolumeSize": order.volume_gb, "VolumeType": "gp3", "DeleteOnTermination": True}
        request["BlockDeviceMappings"] = [{"DeviceName": order.root_device, "Ebs": disk}]
    if order.spot:
        request["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
    given = {
        "KeyName": order.key_name,
        "SubnetId": order.subnet,
        "SecurityGroupIds": list(order.security_groups),
        "UserData": order.user_data,
        "Placement": {"AvailabilityZone": order.zone} if order.zone and not order.subnet else {},
        "IamInstanceProfile": _profile(order.instance_profile),
    }
    return request | {name: value for name, value in given.items() if value}


def _profile(named: str) -> dict[str, str]:
    if not named:
        return {}
    return {"Arn": named} if named.startswith("arn:") else {"Name": named}


def _snapshots(image: Mapping[str, Any]) -> list[str]:
    disks = [mapping.get("Ebs", {}) for mapping in image.get("BlockDeviceMappings", [])]
    return [disk["SnapshotId"] for disk in disks if disk.get("SnapshotId")]


def _state(machine: InstanceTypeDef, region: str) -> MachineState:
    reason = machine.get("StateReason", {})
    launched = machine.get("LaunchTime")
    return MachineState(
        id=machine["InstanceId"],
        region=region,
        state=str(machine["State"]["Name"]),
        instance_type=str(machine.get("InstanceType", "")),
        image=machine.get("ImageId", ""),
        architecture=str(machine.get("Architecture", "")),
        address=machine.get("PublicIpAddress") or machine.get("PrivateIpAddress", ""),
        private_address=machine.get("PrivateIpAddress", ""),
        launched=launched.isoformat() if launched else "",
        zone=machine.get("Placement", {}).get("AvailabilityZone", ""),
        spot=machine.get("InstanceLifecycle") == "spot",
        reason=_reason(str(reason.get("Code", "")), str(reason.get("Message", ""))),
        tags=tag_map(machine),
        key_name=machine.get("KeyName", ""),
        security_groups=tuple(group["GroupId"] for group in machine.get("SecurityGroups", [])),
    )


def _reason(code: str, message: str) -> str:
    """Return what AWS says, led by its code: messages mostly repeat it, but not always."""
    return message if code in message else f"{code}: {message}" if code else message
