"""What AWS tells of images and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_cloud import ami_of
from cws_build.drivers.aws_errors import GONE, translated
from cws_build.drivers.aws_regional import Regional, image_snapshots, written_gb
from cws_build.errors import CloudError
from cws_build.model.image import Ami
from cws_build.ports.images import Access, Disk, ImageDetail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from types_boto3_ec2.type_defs import ImageTypeDef, SnapshotTypeDef


class Details(Regional):
    """Tells of images and snapshots."""

    def detail(self, image: str) -> ImageDetail:
        """See the port."""
        found = self._image(image)
        own = found.get("OwnerId") == self._account.number(self.region)
        with translated(f"asking for the snapshots of {image} in {self.region}"):
            behind = {one["SnapshotId"]: one for one in image_snapshots(self._ec2, found)}
        ami = ami_of(found, self.region)
        readable = [snapshot for snapshot in ami.snapshots if snapshot in behind]
        return ImageDetail(
            ami=ami,
            disks=tuple(_disks(found, behind)),
            launch=self.launch_access(image) if own else Access(public=ami.public),
            snapshot_access=self._snapshot_access(readable) if own else {},
            protection=found.get("DeregistrationProtection", ""),
            last_launched=found.get("LastLaunchedTime", ""),
            source_image=found.get("SourceImageId", ""),
            source_region=found.get("SourceImageRegion", ""),
            source_instance=found.get("SourceInstanceId", ""),
        )

    def launch_access(self, image: str) -> Access:
        """See the port."""
        with translated(f"asking who may launch {image}"):
            answer = self._ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")
        return _access(answer.get("LaunchPermissions", []))

    def _snapshot_access(self, snapshots: Sequence[str]) -> dict[str, Access]:
        found = {snapshot: self._copy_access(snapshot) for snapshot in snapshots}
        return {snapshot: access for snapshot, access in found.items() if access}

    def _copy_access(self, snapshot: str) -> Access | None:
        """Return who may copy a snapshot; None where it went in between."""
        try:
            with translated(f"asking who may copy {snapshot}"):
                answer = self._ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
        except CloudError as error:
            if GONE[0] not in error.details.get("aws_code", ""):
                raise
            return None
        return _access(answer.get("CreateVolumePermissions", []))

    def recycled(self) -> list[Ami]:
        """See the port."""
        with translated(f"looking into the recycle bin of {self.region}"):
            pages = self._ec2.get_paginator("list_images_in_recycle_bin").paginate()
            return [_thrown_away(found, self.region) for page in pages for found in page["Images"]]


def _disks(image: ImageTypeDef, behind: Mapping[str, SnapshotTypeDef]) -> Iterator[Disk]:
    for mapping in image.get("BlockDeviceMappings", []):
        if "Ebs" in mapping:
            disk = mapping["Ebs"]
            snapshot = disk.get("SnapshotId", "")
            told: Any = behind.get(snapshot, {})
            encrypted = bool(told.get("Encrypted", disk.get("Encrypted", False)))
            yield Disk(
                device=mapping.get("DeviceName", ""),
                snapshot=snapshot,
                size_gb=disk.get("VolumeSize", told.get("VolumeSize", 0)),
                encrypted=encrypted,
                kms_key=told.get("KmsKeyId", disk.get("KmsKeyId", "")) if encrypted else "",
                written_gb=written_gb(told),
            )


def _access(permissions: Sequence[Mapping[str, Any]]) -> Access:
    def named(key: str) -> tuple[str, ...]:
        return tuple(sorted(entry[key] for entry in permissions if entry.get(key)))

    return Access(
        accounts=named("UserId"),
        organizations=named("OrganizationArn"),
        units=named("OrganizationalUnitArn"),
        public="all" in named("Group"),
    )


def _thrown_away(found: Mapping[str, Any], region: str) -> Ami:
    """Return what the recycle bin tells of an image, which is little."""
    return Ami(
        id=found["ImageId"],
        region=region,
        name=found.get("Name", ""),
        owner="",
        architecture="",
        state="recycled",
        created="",
        description=found.get("Description", ""),
    )
