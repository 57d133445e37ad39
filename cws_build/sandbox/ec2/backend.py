"""The EC2 of one region: moto's, with its network on loopback addresses and images that hold file systems."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, MalformedAMIIdError
from moto.ec2.models import EC2Backend
from moto.ec2.utils import random_snapshot_id

from cws_build.sandbox.ec2.image_filters import executable, matches, owned
from cws_build.sandbox.ec2.images import Image, ImageRecord
from cws_build.sandbox.ec2.publishers import base_images, made_id
from cws_build.sandbox.ec2.snapshots import SandboxSnapshot
from cws_build.sandbox.world import RegionRecord, SnapshotRecord, World

if TYPE_CHECKING:
    from moto.ec2.models.vpcs import VPC

    from cws_build.sandbox.ec2.machine import Machine


class SandboxBackend(EC2Backend):
    """One region of one account."""

    world: ClassVar[World]
    """Set once by the server, before the first call."""

    amis: dict[str, Image]  # type: ignore[assignment]  # moto's code reads only what Image offers too

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.machines: dict[str, Machine] = {}
        self.copy_tokens: dict[str, str] = {}
        self.logins: dict[str, str] = {}
        self.snapshot_copies: dict[str, tuple[str, str]] = {}
        self.run_tokens: dict[str, tuple[str, Any]] = {}
        for release, record in base_images(region_name):
            self._publish(record)
            self.logins[record.disks[0].snapshot] = release.login
        saved = self.world.saved.get((account_id, region_name))
        if saved:
            self._restore(saved)

    @property
    def _url_module(self) -> Any:  # noqa: ANN401 - moto derives it from the module's name, which is not its own here
        from moto.ec2 import urls

        return urls

    def _load_amis(self) -> None:
        """Load nothing: the base images come from the publishers, once everything else is there."""

    def _publish(self, record: ImageRecord) -> None:
        self.keep_snapshot(
            SnapshotRecord(
                id=record.disks[0].snapshot,
                size=record.disks[0].size,
                description=f"Snapshot of {record.name}",
                owner=record.owner,
                created=record.created,
                volume=made_id("vol", record.id),
                image=record.id,
            )
        )
        self.amis[record.id] = Image(self, record)

    def _restore(self, saved: RegionRecord) -> None:
        for snapshot in saved.snapshots:
            self.keep_snapshot(snapshot)
        for record in saved.images:
            if record.state == "pending":
                record.state, record.reason = "failed", "the sandbox stopped while the image was being made"
            self.amis[record.id] = Image(self, record)
        for resource, tags in saved.tags.items():
            self.tags[resource] = dict(tags)
        self.copy_tokens = dict(saved.tokens)

    def to_record(self) -> RegionRecord:
        """Return what is saved of this region: own images and snapshots with their tags."""
        images = [i.record for i in self.amis.values() if i.record.owner == self.account_id]
        snapshots = [
            s.to_record()
            for s in self.snapshots.values()
            if isinstance(s, SandboxSnapshot) and s.owner_id == self.account_id
        ]
        kept = {i.id for i in images} | {s.id for s in snapshots}
        return RegionRecord(
            account=self.account_id,
            region=self.region_name,
            images=images,
            snapshots=snapshots,
            tags={key: dict(tags) for key, tags in self.tags.items() if key in kept and tags},
            tokens={token: image for token, image in self.copy_tokens.items() if image in kept},
        )

    def create_default_vpc(self) -> VPC:
        """Lay the default network inside the sandbox's own loopback block: one /25 per zone."""
        regions = sorted({region.name for region in self.regions})
        network = self.world.network(self.region_name, regions)
        vpc = self.create_vpc(cidr_block=str(network), is_default=True)
        zones = self.describe_availability_zones()
        for zone, part in zip(zones, network.subnets(new_prefix=25), strict=False):
            self.create_subnet(vpc_id=vpc.id, cidr_block=str(part), availability_zone=zone.name)
        return vpc

    def keep_snapshot(self, record: SnapshotRecord) -> SandboxSnapshot:
        """Add a snapshot."""
        snapshot = SandboxSnapshot(self, record)
        self.snapshots[record.id] = snapshot
        return snapshot

    def rootfs(self, snapshot: str) -> str:
        """Name the podman image that holds a snapshot's file system."""
        login = self.logins.get(snapshot)
        if login is not None:
            return self.world.bases.get(login, "")
        return f"{self.world.repository()}:{snapshot}"

    def new_snapshot(self, record: SnapshotRecord, tags: dict[str, str]) -> str:
        """Add a snapshot under a new id, and return the id."""
        record.id = random_snapshot_id()
        self.keep_snapshot(record).add_tags(tags)
        return record.id

    def create_snapshot(
        self, volume_id: str, description: str, owner_id: str | None = None, from_ami: str | None = None
    ) -> SandboxSnapshot:
        """Snapshot a volume. Only CreateImage takes file systems, so nothing can be launched from this one."""
        volume = self.get_volume(volume_id)
        record = SnapshotRecord(
            id=random_snapshot_id(),
            size=int(volume.size),
            description=description or "",
            owner=owner_id or self.account_id,
            created=time.time(),
            volume=volume.id,
            encrypted=volume.encrypted,
            kms_key=volume.kms_key_id or "",
            image=from_ami or "",
        )
        return self.keep_snapshot(record)

    def image(self, image_id: str) -> Image:
        """Find an image by id.

        Raises:
            EC2ClientError: InvalidAMIID.Malformed or InvalidAMIID.NotFound.
        """
        if not image_id.startswith("ami-"):
            raise MalformedAMIIdError([image_id])
        found = self.amis.get(image_id)
        if found is None:
            raise InvalidAMIIdError([image_id])
        return found

    def refuse_taken_name(self, name: str) -> None:
        """Keep names of own images unique in the region, as EC2 does.

        Raises:
            EC2ClientError: InvalidAMIName.Duplicate.
        """
        for image in self.amis.values():
            if image.owner_id == self.account_id and image.name == name and image.state != "failed":
                raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")

    def describe_images(  # type: ignore[override]  # Image offers what moto's code asks of Ami
        self,
        ami_ids: list[str] | None = None,
        filters: dict[str, Any] | None = None,
        exec_users: list[str] | None = None,
        owners: list[str] | None = None,
    ) -> list[Image]:
        """Find images; moto's own code asks here too."""
        found = [image for image in list(self.amis.values()) if self._visible(image)]
        if ami_ids:
            self._refuse_unknown(ami_ids)
            found = [image for image in found if image.id in ami_ids]
        if owners:
            found = [image for image in found if owned(image, owners, self.account_id)]
        if exec_users:
            found = [image for image in found if executable(image, exec_users, self.account_id)]
        wanted = {k: v if isinstance(v, list) else [v] for k, v in (filters or {}).items()}
        return [image for image in found if matches(image, wanted)]

    def _visible(self, image: Image) -> bool:
        return (
            image.owner_id == self.account_id
            or image.is_public
            or {"UserId": self.account_id} in image.launch_permissions
        )

    def _refuse_unknown(self, ami_ids: list[str]) -> None:
        malformed = [i for i in ami_ids if not i.startswith("ami-")]
        if malformed:
            raise MalformedAMIIdError(malformed)
        unknown = [i for i in ami_ids if i not in self.amis and i not in self.deleted_amis]
        if unknown:
            raise InvalidAMIIdError(unknown)
