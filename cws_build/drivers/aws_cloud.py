"""One region of an account: what verbs may ask of EC2, SSM and STS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.drivers.aws_errors import GONE, translated
from cws_build.drivers.aws_resources import LISTINGS, REMOVALS, snapshots, tag_list, tag_map
from cws_build.errors import CloudError, InputError, ResourceNotFound
from cws_build.model.image import DIGEST_TAG, RUN_TAG, Ami, ImageQuery, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef

    from cws_build.drivers.aws import Account


class AwsCloud:
    """One region of an account; implements `cws_build.ports.Cloud`."""

    def __init__(self, account: Account, region: str, ec2: EC2Client) -> None:
        self.region = region
        self._account = account
        self._ec2 = ec2

    def images(self, query: ImageQuery) -> list[Ami]:
        """See the port."""
        wanted: dict[str, Any] = {"Filters": _filters(query)}
        if query.ids:
            wanted["ImageIds"] = list(query.ids)
        elif not query.owners:
            raise InputError("an image search needs an owner", hint="name the account, or self")
        else:
            wanted["MaxResults"] = 1000
        if query.owners:
            wanted["Owners"] = list(query.owners)
        # Without these words EC2 leaves some images out, even of those that are named by id.
        wanted |= {"IncludeDeprecated": True} if query.deprecated else {}
        wanted |= {"IncludeDisabled": True} if not query.states or "disabled" in query.states else {}
        with translated(f"looking for images in {self.region}"):
            pages = self._ec2.get_paginator("describe_images").paginate(**wanted)
            return [ami_of(image, self.region) for page in pages for image in page["Images"]]

    def parameter(self, name: str) -> str | None:
        """See the port."""
        try:
            with translated(f"reading the parameter {name} in {self.region}"):
                answer = self._account.client("ssm", self.region).get_parameter(Name=name)
                return str(answer["Parameter"]["Value"])
        except ResourceNotFound:
            return None

    def snapshots(self, ids: Iterable[str]) -> frozenset[str]:
        """See the port of lookups."""
        wanted = sorted(set(ids))
        if not wanted:
            return frozenset()
        # As a filter, since ids in the request itself make the call fail where one cannot be read.
        chosen: FilterTypeDef = {"Name": "snapshot-id", "Values": wanted}
        with translated(f"asking which snapshots can be read in {self.region}"):
            pages = self._ec2.get_paginator("describe_snapshots").paginate(Filters=[chosen])
            return frozenset(snapshot["SnapshotId"] for page in pages for snapshot in page["Snapshots"])

    def subscribed(self, product: str) -> bool | None:
        """See the port of lookups."""
        from cws_build.drivers.aws_market import has_agreement

        return has_agreement(self._account, product)

    def identity(self) -> str:
        """See the port."""
        with translated("asking who the credentials belong to"):
            return str(self._account.client("sts", self.region).get_caller_identity()["Arn"])

    def import_key(self, name: str, public_key: str, tags: Mapping[str, str]) -> None:
        """See the port."""
        with translated(f"importing the key pair {name} in {self.region}"):
            self._ec2.import_key_pair(
                KeyName=name,
                PublicKeyMaterial=public_key.encode(),
                TagSpecifications=[{"ResourceType": "key-pair", "Tags": tag_list(tags)}],
            )

    def create_group(self, name: str, subnet: str, cidr: str, tags: Mapping[str, str]) -> str:
        """See the port."""
        with translated(f"creating the security group {name} in {self.region}"):
            network: Any = {"VpcId": self._network(subnet)} if subnet else {}
            group: str = self._ec2.create_security_group(
                GroupName=name,
                Description="SSH for one cws-build run",
                TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(tags)}],
                **network,
            )["GroupId"]
            self._ec2.authorize_security_group_ingress(
                GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=cidr
            )
            return group

    def _network(self, subnet: str) -> str:
        return str(self._ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"])

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """See the port."""
        with translated(f"tagging {', '.join(ids)} in {self.region}"):
            self._ec2.create_tags(Resources=list(ids), Tags=tag_list(tags))

    def describe(self, image: str, text: str) -> None:
        """See the port."""
        with translated(f"describing {image}"):
            self._ec2.modify_image_attribute(ImageId=image, Description={"Value": text})

    def demand_imdsv2(self, resource: str) -> None:
        """See the port."""
        with translated(f"demanding IMDSv2 of {resource}"):
            if resource.startswith("ami-"):
                self._ec2.modify_image_attribute(ImageId=resource, ImdsSupport={"Value": "v2.0"})
            else:
                self._ec2.modify_instance_metadata_options(InstanceId=resource, HttpTokens="required")

    def resources(self, runs: Sequence[str]) -> list[Resource]:
        """See the port."""
        chosen: FilterTypeDef = {"Name": f"tag:{RUN_TAG}", "Values": list(runs) or ["*"]}
        with translated(f"listing the resources of runs in {self.region}"):
            return [resource for listing in LISTINGS for resource in listing(self._ec2, [chosen], self.region)]

    def untagged_images(self, names: Sequence[str]) -> list[Resource]:
        """See the port."""
        if not names:
            return []
        states = ("available", "pending", "failed")
        found = self.images(ImageQuery(owners=("self",), names=tuple(names), states=states))
        unready = [ami for ami in found if DIGEST_TAG not in ami.tags]
        images = [Resource("image", ami.id, self.region, ami.tags.get(RUN_TAG, "")) for ami in unready]
        return [*images, *self._snapshots_of([ami.id for ami in unready])]

    def _snapshots_of(self, images: Sequence[str]) -> list[Resource]:
        """CreateImage writes the image's id into the description of each snapshot that it makes.

        Such a snapshot is as unfinished as its image, even if publishing had begun and tagged it already.
        """
        if not images:
            return []
        chosen: FilterTypeDef = {
            "Name": "description",
            "Values": [f"Created by CreateImage(*) for {ami}*" for ami in images],
        }
        with translated(f"listing snapshots in {self.region}"):
            found = snapshots(self._ec2, [chosen], self.region)
            return [msgspec.structs.replace(snapshot, ready=False) for snapshot in found]

    def address(self, instance: str) -> str:
        """See the port."""
        with translated(f"asking for the address of {instance}"):
            machine = self._ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
            return str(machine.get("PublicIpAddress") or machine.get("PrivateIpAddress", ""))

    def remove(self, resource: Resource) -> None:
        """See the port."""
        try:
            with translated(f"removing the {resource.kind} {resource.id} in {self.region}"):
                REMOVALS[resource.kind](self._ec2, resource.id)
        except CloudError as error:
            if not any(word in error.details.get("aws_code", "") for word in GONE):
                raise


def _filters(query: ImageQuery) -> list[FilterTypeDef]:
    wanted: dict[str, Sequence[str]] = {f"tag:{key}": values for key, values in query.tags.items()}
    wanted |= {"name": query.names, "description": query.descriptions, "state": query.states}
    wanted |= {"architecture": (query.architecture,) if query.architecture else ()}
    wanted |= {"product-code": query.product_codes}
    return [{"Name": name, "Values": list(values)} for name, values in wanted.items() if values]


def ami_of(image: ImageTypeDef, region: str) -> Ami:
    """Return an image as DescribeImages tells of it."""
    disks = [(m.get("DeviceName", ""), m["Ebs"]) for m in image.get("BlockDeviceMappings", []) if "Ebs" in m]
    root = image.get("RootDeviceName", "")
    return Ami(
        id=image["ImageId"],
        region=region,
        name=image.get("Name", ""),
        owner=image.get("OwnerId", ""),
        architecture=str(image.get("Architecture", "")),
        state=str(image.get("State", "")),
        created=image.get("CreationDate", ""),
        description=image.get("Description", ""),
        deprecated=image.get("DeprecationTime", ""),
        tags=tag_map(image),
        root_device=root,
        volume_gb=next((disk.get("VolumeSize", 0) for name, disk in disks if name == root), 0),
        snapshots=tuple(disk["SnapshotId"] for _, disk in disks if disk.get("SnapshotId")),
        imds=str(image.get("ImdsSupport", "")),
        public=bool(image.get("Public", False)),
        alias=image.get("ImageOwnerAlias", ""),
        product_codes=tuple(code["ProductCodeId"] for code in image.get("ProductCodes", [])),
        platform=image.get("PlatformDetails", ""),
        usage=image.get("UsageOperation", ""),
        encrypted=any(disk.get("Encrypted", False) for _, disk in disks),
        allowed=bool(image.get("ImageAllowed", True)),
    )
