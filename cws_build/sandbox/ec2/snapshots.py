"""EBS snapshots that can be pending or failed, and outlive the volume and the server that they came from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.ec2.models.elastic_block_store import Snapshot

from cws_build.sandbox.world import SnapshotRecord

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.backend import SandboxBackend


class SourceVolume:
    """What a snapshot remembers of the volume that it was taken from."""

    def __init__(self, volume_id: str, size: int, *, encrypted: bool) -> None:
        self.id = volume_id
        self.size = size
        self.encrypted = encrypted


class SandboxSnapshot(Snapshot):
    """A snapshot with a state of its own."""

    def __init__(self, backend: SandboxBackend, record: SnapshotRecord) -> None:
        volume = SourceVolume(record.volume, record.size, encrypted=record.encrypted)
        super().__init__(
            backend,
            record.id,
            volume,
            record.description,
            encrypted=record.encrypted,
            kms_key_id=record.kms_key or None,
            owner_id=record.owner,
            from_ami=record.image or None,
        )
        self.start_time = datetime.fromtimestamp(record.created, UTC)
        self.status = record.state
        self.state_message = record.reason or None
        self.create_volume_permission_userids = set(record.users)

    @property
    def state(self) -> str:
        """EC2's word: pending, completed or error."""
        return self.status

    @property
    def progress(self) -> str:
        """How much is done; podman does not tell in between."""
        return "100%" if self.status == "completed" else "0%"

    def to_record(self) -> SnapshotRecord:
        """Return what is saved of it."""
        return SnapshotRecord(
            id=self.id,
            size=self.volume.size,
            description=self.description or "",
            owner=self.owner_id,
            created=self.start_time.timestamp(),
            volume=self.volume.id,
            state=self.status,
            reason=self.state_message or "",
            encrypted=self.encrypted,
            kms_key=self.kms_key_id or "",
            image=self.from_ami or "",
            users=sorted(self.create_volume_permission_userids),
        )
