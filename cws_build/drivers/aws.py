"""AWS, and the sandbox, through botocore's clients, which are what boto3 hands out too: the only file that imports it.

One session serves all regions: its parsed service model is shared, and clients are made under a lock, because
clients are safe to share between threads and sessions are not.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_model import pruned_models
from cws_build.errors import AccessDenied, CloudError, InputError, LimitExceeded, ResourceNotFound
from cws_build.model.failures import explain
from cws_build.model.image import DIGEST_TAG, EXPIRES_TAG, RUN_TAG, Ami, ImageQuery, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from botocore.session import Session
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef

_GONE = ("NotFound", "Unavailable", "IncorrectInstanceState")
_DENIED = ("AuthFailure", "UnauthorizedOperation", "AccessDenied", "InvalidClientTokenId", "ExpiredToken", "OptIn")
_LIMITS = ("LimitExceeded", "Throttl", "InsufficientInstanceCapacity", "QuotaExceeded", "InsufficientAddress")


class Account:
    """Credentials, and the clouds of its regions.

    Args:
        profile: A profile of the AWS configuration; empty for the default chain.
        region: The region to work in; empty for the configured one.
        endpoint: Another endpoint for all services, such as the sandbox's.
        credentials: Access key and secret, for an endpoint that has its own.
        models: Folder in which pruned service models are kept; None for botocore's full ones.
    """

    def __init__(
        self,
        *,
        profile: str = "",
        region: str = "",
        endpoint: str = "",
        credentials: tuple[str, str] | None = None,
        models: Path | None = None,
    ) -> None:
        self._named = (profile, region)
        self._models = models
        self.endpoint = endpoint
        self.name = "sandbox" if endpoint else "aws"
        self._credentials = credentials
        self._lock = threading.Lock()
        self._clouds: dict[str, AwsCloud] = {}
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The one session; raises InputError for a profile that does not exist."""
        if self._session is None:
            from botocore.exceptions import ProfileNotFound

            try:
                self._session = _open_session(self._named[0], self._credentials, self._models)
            except ProfileNotFound as error:
                raise InputError(str(error), hint="aws configure list-profiles") from error
        return self._session

    @property
    def region(self) -> str:
        """The region to work in; raises InputError where none is configured."""
        named = self._named[1] or self.session.get_config_variable("region")
        if not named:
            raise InputError("no region is configured", hint="give --region, or set AWS_REGION")
        return str(named)

    def cloud(self, region: str = "") -> AwsCloud:
        """Return one region's cloud; raises InputError for a region that no partition has."""
        name = region or self.region
        with self._lock:
            if name not in self._clouds:
                self._clouds[name] = AwsCloud(self, name, self._client("ec2", name))
            return self._clouds[name]

    def client(self, service: str, region: str) -> Any:  # noqa: ANN401  botocore makes client types at run time
        """Return a client of another service."""
        with self._lock:
            return self._client(service, region)

    def _client(self, service: str, region: str) -> Any:  # noqa: ANN401  as above
        from botocore.config import Config
        from botocore.exceptions import InvalidRegionError

        config = Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=10, read_timeout=60)
        try:
            return self.session.create_client(service, region, endpoint_url=self.endpoint or None, config=config)
        except InvalidRegionError as error:
            raise InputError(f"'{region}' is not a region", hint="cws-build doctor lists the configured one") from error

    def environment(self) -> dict[str, str]:
        """Return the credentials as environment variables, for tools that we start.

        Raises:
            AccessDenied: There are none.
        """
        with translated("reading the credentials"):
            found = self.session.get_credentials()
        if found is None:
            raise AccessDenied("no AWS credentials are configured", hint=_LOGIN)
        frozen = found.get_frozen_credentials()
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        values = (frozen.access_key, frozen.secret_key, frozen.token)
        return {name: value for name, value in zip(names, values, strict=True) if value}


def _open_session(profile: str, credentials: tuple[str, str] | None, models: Path | None) -> Session:
    """Open a session; a user's own service models, wherever they are configured, come before the pruned ones."""
    import botocore
    from botocore.loaders import Loader
    from botocore.session import Session

    session = Session(profile=profile or None)
    if credentials:
        session.set_credentials(*credentials)
    own = session.get_config_variable("data_path")
    pruned = None if own or models is None else pruned_models(Loader(), botocore.__version__, models)
    if pruned:
        session.set_config_variable("data_path", str(pruned))
    return session


_LOGIN = "aws configure, or aws sso login, or try it without an account: --sandbox"


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours, with what was being done and what to do next."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        TokenRetrievalError,
    )

    try:
        yield
    except ClientError as error:
        raise _from_code(error.response.get("Error", {}), doing) from error
    except (NoCredentialsError, TokenRetrievalError) as error:
        raise AccessDenied(f"no AWS credentials for {doing}", hint=_LOGIN) from error
    except EndpointConnectionError as error:
        raise CloudError(f"{doing}: {error}", hint="is the network up? is the region right? see --region") from error
    except BotoCoreError as error:
        raise CloudError(f"{doing}: {error}") from error


def _from_code(error: Mapping[str, Any], doing: str) -> CloudError:
    code, text = str(error.get("Code", "")), str(error.get("Message", ""))
    explanation = explain(f"{code}: {text}")
    kind = _kind(code)
    return kind(
        f"{doing}: {text} ({code})",
        hint=explanation.hint if explanation else "",
        details={"aws_code": code},
    )


def _kind(code: str) -> type[CloudError]:
    if any(word in code for word in _DENIED):
        return AccessDenied
    if any(word in code for word in _LIMITS):
        return LimitExceeded
    return ResourceNotFound if _GONE[0] in code or code == "ParameterNotFound" else CloudError


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
        with translated(f"looking for images in {self.region}"):
            pages = self._ec2.get_paginator("describe_images").paginate(**wanted)
            return [_ami(image, self.region) for page in pages for image in page["Images"]]

    def parameter(self, name: str) -> str | None:
        """See the port."""
        try:
            with translated(f"reading the parameter {name} in {self.region}"):
                answer = self._account.client("ssm", self.region).get_parameter(Name=name)
                return str(answer["Parameter"]["Value"])
        except ResourceNotFound:
            return None

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
                TagSpecifications=[{"ResourceType": "key-pair", "Tags": _tags(tags)}],
            )

    def create_group(self, name: str, subnet: str, cidr: str, tags: Mapping[str, str]) -> str:
        """See the port."""
        with translated(f"creating the security group {name} in {self.region}"):
            network: Any = {"VpcId": self._network(subnet)} if subnet else {}
            group: str = self._ec2.create_security_group(
                GroupName=name,
                Description="SSH for one cws-build run",
                TagSpecifications=[{"ResourceType": "security-group", "Tags": _tags(tags)}],
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
            self._ec2.create_tags(Resources=list(ids), Tags=_tags(tags))

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
            return [resource for listing in _LISTINGS for resource in listing(self._ec2, [chosen], self.region)]

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
        """CreateImage writes the image's id into the description of each snapshot that it makes."""
        if not images:
            return []
        chosen: FilterTypeDef = {
            "Name": "description",
            "Values": [f"Created by CreateImage(*) for {ami}*" for ami in images],
        }
        with translated(f"listing snapshots in {self.region}"):
            return list(_snapshots(self._ec2, [chosen], self.region))

    def address(self, instance: str) -> str:
        """See the port."""
        with translated(f"asking for the address of {instance}"):
            machine = self._ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
            return str(machine.get("PublicIpAddress") or machine.get("PrivateIpAddress", ""))

    def remove(self, resource: Resource) -> None:
        """See the port."""
        try:
            with translated(f"removing the {resource.kind} {resource.id} in {self.region}"):
                _REMOVALS[resource.kind](self._ec2, resource.id)
        except CloudError as error:
            if not any(word in error.details.get("aws_code", "") for word in _GONE):
                raise


def _filters(query: ImageQuery) -> list[FilterTypeDef]:
    wanted: dict[str, Sequence[str]] = {f"tag:{key}": values for key, values in query.tags.items()}
    wanted |= {"name": query.names, "state": query.states}
    wanted |= {"architecture": (query.architecture,) if query.architecture else ()}
    return [{"Name": name, "Values": list(values)} for name, values in wanted.items() if values]


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tag_map(described: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags") or []}


def _ami(image: ImageTypeDef, region: str) -> Ami:
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
        tags=_tag_map(image),
        root_device=root,
        volume_gb=next((disk.get("VolumeSize", 0) for name, disk in disks if name == root), 0),
        snapshots=tuple(disk["SnapshotId"] for _, disk in disks if disk.get("SnapshotId")),
        imds=str(image.get("ImdsSupport", "")),
    )


def _resource(kind: str, ident: str, region: str, described: Mapping[str, Any], **more: Any) -> Resource:  # noqa: ANN401
    tags = _tag_map(described)
    ready = DIGEST_TAG in tags
    return Resource(kind, ident, region, tags.get(RUN_TAG, ""), tags.get(EXPIRES_TAG, ""), ready=ready, **more)


def _pages(ec2: EC2Client, call: str, filters: Sequence[FilterTypeDef], **more: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401
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


def _snapshots(ec2: EC2Client, filters: Sequence[FilterTypeDef], region: str) -> Iterator[Resource]:
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


_LISTINGS = (_instances, _images, _snapshots, _volumes, _groups, _key_pairs)
"""In the order of removal: machines hold volumes and groups, images hold snapshots."""


def _terminate(ec2: EC2Client, instance: str) -> None:
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig={"Delay": 2, "MaxAttempts": 300})


_REMOVALS: dict[str, Callable[[EC2Client, str], object]] = {
    "instance": _terminate,
    "volume": lambda ec2, ident: ec2.delete_volume(VolumeId=ident),
    "image": lambda ec2, ident: ec2.deregister_image(ImageId=ident),
    "snapshot": lambda ec2, ident: ec2.delete_snapshot(SnapshotId=ident),
    "security_group": lambda ec2, ident: ec2.delete_security_group(GroupId=ident),
    "key_pair": lambda ec2, ident: ec2.delete_key_pair(KeyName=ident),
}
