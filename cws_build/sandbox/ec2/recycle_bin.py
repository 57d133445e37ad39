"""The recycle bin of a region: what its rules keep of deregistered images and deleted snapshots, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cws_build.sandbox.ec2.images import Image
from cws_build.sandbox.ec2.settings import BinRule, Stay
from cws_build.sandbox.ec2.snapshots import SandboxSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.world import RegionRecord

DAY = 86400.0
Kind = Literal["EC2_IMAGE", "EBS_SNAPSHOT"]
"""What a rule of the recycle bin is about, in that service's words."""


class Bin:
    """What lies in the recycle bin.

    Args:
        backend: The region that it is of.
    """

    def __init__(self, backend: SandboxBackend) -> None:
        self.backend = backend
        self.rules: dict[str, BinRule] = {}
        self.images: dict[str, Image] = {}
        self.snapshots: dict[str, SandboxSnapshot] = {}
        self.stays: dict[str, Stay] = {}

    def restore(self, saved: RegionRecord) -> None:
        """Fill the bin with what an earlier server left in it."""
        self.rules = {rule.id: rule for rule in saved.rules}
        for record in saved.binned_images:
            if record.state == "pending":
                record.state, record.reason = "failed", "the sandbox stopped while the image was being made"
        self.images = {record.id: Image(self.backend, record) for record in saved.binned_images}
        self.snapshots = {record.id: SandboxSnapshot(self.backend, record) for record in saved.binned_snapshots}
        self.stays = dict(saved.stays)
        self.backend.deleted_amis.extend(self.images)

    def save_into(self, record: RegionRecord) -> None:
        """Write the bin into what is saved of the region."""
        record.rules, record.stays = list(self.rules.values()), dict(self.stays)
        record.binned_images = [image.record for image in self.images.values()]
        record.binned_snapshots = [snapshot.to_record() for snapshot in self.snapshots.values()]

    def take_image(self, image: Image) -> None:
        """Keep an image that is being deregistered, where a rule says so."""
        if self._keep("EC2_IMAGE", image.id, image.owner_id):
            self.images[image.id] = image

    def take_snapshot(self, snapshot: SandboxSnapshot) -> None:
        """Keep a snapshot that is being deleted, where a rule says so."""
        if self._keep("EBS_SNAPSHOT", snapshot.id, snapshot.owner_id):
            self.snapshots[snapshot.id] = snapshot

    def _keep(self, kind: Kind, resource: str, owner: str) -> bool:
        tags = self.backend.tags.get(resource, {})
        days = max((rule.days for rule in self.rules.values() if _concerns(rule, kind, tags)), default=0)
        if not days or owner != self.backend.account_id:
            return False
        now = self.backend.world.now()
        self.stays[resource] = Stay(entered=now, exits=now + days * DAY, tags=dict(tags))
        return True

    def purge(self) -> None:
        """Let go of what has been in the bin for as long as its rule said."""
        now = self.backend.world.now()
        for resource, stay in list(self.stays.items()):
            if stay.exits <= now:
                self._leave(resource)

    def _leave(self, resource: str) -> Stay:
        self.images.pop(resource, None)
        self.snapshots.pop(resource, None)
        return self.stays.pop(resource)

    def missing(self, image: Image) -> Iterator[str]:
        """Name an image's snapshots that are not there: they lie in the bin too, or are gone for good."""
        return (d.snapshot for d in image.record.disks if d.snapshot and d.snapshot not in self.backend.snapshots)

    def return_image(self, image: Image) -> None:
        """Put an image back where it was."""
        self.backend.tags[image.id] = self._leave(image.id).tags
        self.backend.amis[image.id] = image
        self.backend.deleted_amis.remove(image.id)

    def return_snapshot(self, snapshot: SandboxSnapshot) -> None:
        """Put a snapshot back where it was."""
        self.backend.tags[snapshot.id] = self._leave(snapshot.id).tags
        self.backend.snapshots[snapshot.id] = snapshot


def _concerns(rule: BinRule, kind: Kind, tags: dict[str, str]) -> bool:
    if rule.kind != kind or _any(rule.excluded, tags):
        return False
    return not rule.tags or _any(rule.tags, tags)


def _any(wanted: list[dict[str, str]], tags: dict[str, str]) -> bool:
    """Tell whether a resource has one of the tags; a wanted tag without a value means any."""
    return any(
        tag["ResourceTagKey"] in tags and tag.get("ResourceTagValue", "") in {"", tags[tag["ResourceTagKey"]]}
        for tag in wanted
    )
