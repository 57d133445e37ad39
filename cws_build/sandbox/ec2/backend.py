"""The EC2 of one region: moto's, with its network on loopback addresses and images that hold file systems."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix, random_snapshot_id

from cws_build.sandbox.ec2.beginnings import begin, fill_in
from cws_build.sandbox.ec2.finding import Finding
from cws_build.sandbox.ec2.images import Image, ImageRecord
from cws_build.sandbox.ec2.machine import set_state
from cws_build.sandbox.ec2.publishers import base_images, made_id
from cws_build.sandbox.ec2.sharing import find_snapshot
from cws_build.sandbox.ec2.snapshots import SandboxSnapshot
from cws_build.sandbox.world import RegionRecord, SnapshotRecord

if TYPE_CHECKING:
    from moto.core.types import Base64EncodedString
    from moto.ec2.models.instances import Reservation
    from moto.ec2.models.vpcs import VPC

    from cws_build.sandbox.ec2.machine import Machine


class SandboxBackend(Finding):
    """One region of one account."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.machines: dict[str, Machine] = {}
        self.copy_tokens: dict[str, str] = {}
        self.logins: dict[str, str] = {}
        self.snapshot_copies: dict[str, tuple[str, str]] = {}
        self.run_tokens: dict[str, tuple[str, Any]] = {}
        self.guests: set[str] = set()
        """Images and snapshots that were put there from outside, until the server ends."""
        self.copying: set[str] = set()
        """Snapshots that are being copied to here."""
        self.lent: set[str] = set()
        """Snapshots of others that are used while an image of theirs is launched."""
        for release, record in base_images(region_name):
            self.publish(record, login=release.login)
        saved = self.world.saved.get((account_id, region_name))
        if saved:
            self._restore(saved)

    @property
    def _url_module(self) -> Any:  # noqa: ANN401 - moto derives it from the module's name, which is not its own here
        from moto.ec2 import urls

        return urls

    def _load_amis(self) -> None:
        """Load nothing: the base images come from the publishers, once everything else is there."""

    def publish(self, record: ImageRecord, *, login: str = "", copyable: bool = True) -> Image:
        """Add an image until the server ends; ``login`` says that it holds the base machine of that user."""
        disk = record.disks[0]
        self.guests |= {record.id, disk.snapshot}
        if login:
            self.logins[disk.snapshot] = login
        self.keep_snapshot(
            SnapshotRecord(
                id=disk.snapshot,
                size=disk.size,
                description=f"Snapshot of {record.name}",
                owner=record.owner,
                created=record.created,
                volume=made_id("vol", record.id),
                encrypted=disk.encrypted,
                image=record.id,
                groups=["all"] if copyable else [],
            )
        )
        image = self.amis[record.id] = Image(self, record)
        return image

    def _restore(self, saved: RegionRecord) -> None:
        self.settings = saved.settings
        self.ebs_encryption_by_default, self.default_kms_key_id = saved.encrypts, saved.default_key
        self.bin.restore(saved)
        self.reports = {report.id: report for report in saved.reports}
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
        images = [i.record for i in self.amis.values() if i.record.owner == self.account_id and i.id not in self.guests]
        snapshots = [
            s.to_record()
            for s in self.snapshots.values()
            if isinstance(s, SandboxSnapshot) and s.owner_id == self.account_id and s.id not in self.guests
        ]
        kept = {i.id for i in images} | {s.id for s in snapshots}
        record = RegionRecord(
            account=self.account_id,
            region=self.region_name,
            images=images,
            snapshots=snapshots,
            tags={key: dict(tags) for key, tags in self.tags.items() if key in kept and tags},
            tokens={token: image for token, image in self.copy_tokens.items() if image in kept},
            settings=self.settings,
            encrypts=self.ebs_encryption_by_default,
            default_key=self.default_kms_key_id,
            reports=list(self.reports.values()),
        )
        self.bin.save_into(record)
        return record

    def run_instances(
        self,
        image_id: str,
        count: int,
        user_data: Base64EncodedString | None,
        security_group_names: list[str],
        **words: Any,  # noqa: ANN401 - as moto passes them on
    ) -> Reservation:
        """Make instances; an Auto Scaling group asks here, past the call that would have filled in the rest."""
        image = fill_in(self, image_id, words) if "launch_config" in words else None
        wanted = image.id if image else image_id
        made: Reservation = super().run_instances(wanted, count, user_data, security_group_names, **words)
        if image:
            for instance in made.instances:
                begin(self, instance, image)
        return made

    def terminate_instances(self, instance_ids: list[str]) -> list[Any]:
        """End instances: they go when their machines are gone, also where a group ends them."""
        standing = [i for i in self.get_multi_instances_by_id(instance_ids) if i.state != "terminated"]
        answer: list[Any] = super().terminate_instances(instance_ids)
        for instance in standing:
            set_state(instance, "shutting-down")
        return answer

    def create_default_vpc(self) -> VPC:
        """Lay the default network inside the sandbox's own loopback block: an eighth of it per zone."""
        regions = sorted({region.name for region in self.regions})
        network = self.world.network(self.account_id, self.region_name, regions)
        vpc = self.create_vpc(cidr_block=str(network), is_default=True)
        zones = self.describe_availability_zones()
        for zone, part in zip(zones, network.subnets(prefixlen_diff=3), strict=False):
            self.create_subnet(vpc_id=vpc.id, cidr_block=str(part), availability_zone=zone.name)
        return vpc

    def keep_snapshot(self, record: SnapshotRecord) -> SandboxSnapshot:
        """Add a snapshot."""
        snapshot = SandboxSnapshot(self, record)
        self.snapshots[record.id] = snapshot
        return snapshot

    def readable(self, snapshot: str) -> bool:
        """Tell whether the account may copy a snapshot."""
        known = find_snapshot(self, snapshot)
        return known is not None and known.readable(self.account_id)

    def get_snapshot(self, snapshot_id: str) -> SandboxSnapshot:
        """Find a snapshot that the account may use; moto's own code asks here too.

        Raises:
            EC2ClientError: InvalidSnapshot.NotFound.
        """
        found = find_snapshot(self, snapshot_id)
        if found is None or not (snapshot_id in self.lent or found.readable(self.account_id)):
            raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        return found

    def describe_tags(self, filters: dict[str, list[str]] | None = None) -> list[dict[str, str]]:
        """Find tags; those of one resource, which moto asks for with every resource that it shows, at once."""
        ids = (filters or {}).get("resource-id", [])
        if len(filters or {}) == 1 and len(ids) == 1 and not set(ids[0]) & set("*?"):
            kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(ids[0]), "")
            found = self.tags.get(ids[0], {})
            return [{"resource_id": ids[0], "key": k, "value": v, "resource_type": kind} for k, v in found.items()]
        return list(super().describe_tags(filters))

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
