"""What the calls on one region's images share."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.errors import ResourceNotFound

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef, SnapshotTypeDef

    from cws_build.drivers.aws import Account

GIB = 2**30
UNKNOWN = 30.0
"""Seconds for which EC2 may answer that there is no such image, of one that it has just begun."""
NOT_OFFERED = frozenset({"InvalidAction", "UnknownOperation", "UnknownOperationException", "UnsupportedOperation"})
"""Codes with which an endpoint says that it does not know an operation: a young one, a small partition, a sandbox."""


class Regional:
    """One region of an account, for calls on its images."""

    def __init__(self, account: Account, region: str, ec2: EC2Client) -> None:
        self.region = region
        self._account = account
        self._ec2 = ec2
        self._begun: dict[str, float] = {}

    def _client(self, service: str) -> Any:  # noqa: ANN401  services that no stubs are installed for
        return self._account.client(service, self.region)

    def _begin(self, image: str) -> str:
        """Remember an image that was just begun: until it was seen once, EC2 may not know it yet."""
        self._begun[image] = time.monotonic()
        return image

    def _is_new(self, image: str) -> bool:
        return time.monotonic() - self._begun.get(image, -inf) < UNKNOWN

    def _image(self, image: str) -> ImageTypeDef:
        """Return an image in whatever state; raises ResourceNotFound."""
        with translated(f"asking for {image} in {self.region}"):
            found = find_image(self._ec2, image)
        if found is None:
            # For a while EC2 answers with an empty list for what is gone, and only then with a refusal.
            raise ResourceNotFound(
                f"asking for {image} in {self.region}: there is no such image",
                hint="AMI ids differ by region: check --region",
                details={"aws_code": "InvalidAMIID.NotFound"},
            )
        self._begun.pop(image, None)
        return found


def find_image(ec2: EC2Client, image: str) -> ImageTypeDef | None:
    """Return an image in whatever state, None for the empty answer; raises what botocore raises."""
    wanted: Any = {"ImageIds": [image], "IncludeDeprecated": True, "IncludeDisabled": True}
    pages = ec2.get_paginator("describe_images").paginate(**wanted)
    return next((found for page in pages for found in page["Images"]), None)


def image_snapshots(ec2: EC2Client, image: ImageTypeDef) -> list[SnapshotTypeDef]:
    """Return the snapshots behind an image, as far as they can be seen; raises what botocore raises.

    While an image is made it does not name them all: then they are those whose description, which EC2 writes, names
    the image.
    """
    disks = (mapping.get("Ebs", {}) for mapping in image.get("BlockDeviceMappings", []))
    named = sorted({disk["SnapshotId"] for disk in disks if disk.get("SnapshotId")})
    # As a filter, since ids in the request itself make the call fail where one cannot be read.
    by_id: FilterTypeDef = {"Name": "snapshot-id", "Values": named}
    by_text: FilterTypeDef = {"Name": "description", "Values": [f"*{image['ImageId']}*"]}
    # Without an owner, EC2 would search the texts of everybody's public snapshots.
    wanted: Any = {"Filters": [by_id]} if named else {"Filters": [by_text], "OwnerIds": ["self"]}
    pages = ec2.get_paginator("describe_snapshots").paginate(**wanted)
    return [snapshot for page in pages for snapshot in page["Snapshots"]]


def written_gb(snapshot: SnapshotTypeDef) -> float | None:
    """Return what was written to a snapshot in GiB, None where AWS does not tell."""
    size = snapshot.get("FullSnapshotSizeInBytes", 0)
    return size / GIB if size else None
