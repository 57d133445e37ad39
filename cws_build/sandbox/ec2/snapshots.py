"""EBS snapshots that can be pending or failed, and outlive the volume and the server that they came from."""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
        self.create_volume_permission_groups = set(record.groups)
        self.began, self.lasts = time.time(), 0.0
        self.completed, self.written = record.completed, record.written

    @property
    def state(self) -> str:
        """EC2's word: pending, completed or error."""
        return self.status

    @property
    def completion_time(self) -> datetime | None:
        """When it was done; None, which EC2 leaves out, until then."""
        return datetime.fromtimestamp(self.completed, UTC) if self.completed else None

    @property
    def full_snapshot_size_in_bytes(self) -> int | None:
        """How much was written; None, which EC2 leaves out, where it was not measured."""
        return self.written or None

    def finish(self, reason: str, written: int) -> None:
        """End it: completed, or failed for a reason.

        Args:
            reason: Why it has failed; empty where it has not.
            written: Bytes of its file system; 0 where it holds none.
        """
        self.status = "error" if reason else "completed"
        self.state_message = reason or None
        if not reason:
            self.completed, self.written = time.time(), written

    @property
    def progress(self) -> str:
        """How much is done: podman does not tell in between, a copy that was told to last does."""
        if self.status == "completed":
            return "100%"
        return f"{min(99, int(100 * (time.time() - self.began) / self.lasts))}%" if self.lasts else "0%"

    def readable(self, account: str) -> bool:
        """Tell whether an account may copy it, or make volumes from it."""
        users = self.create_volume_permission_userids
        return self.owner_id == account or account in users or self.public()

    def public(self) -> bool:
        """Tell whether everybody may copy it: its owner says so, and does not hide what is public in the region."""
        hides = self.ec2_backend.settings.public_snapshots == "block-all-sharing"
        mine = self.owner_id == self.ec2_backend.account_id
        return "all" in self.create_volume_permission_groups and not (hides and mine)

    @property
    def given(self) -> set[str]:
        """Who was given the right to make volumes from it: accounts, and ``all``."""
        return self.create_volume_permission_userids | self.create_volume_permission_groups

    def seen_by(self, viewer: SandboxBackend) -> SandboxSnapshot:
        """Return it as an account sees it: with the tags that the account itself has set."""
        if viewer is self.ec2_backend:
            return self
        view = copy.copy(self)
        view.ec2_backend = viewer
        return view

    def answer(self) -> dict[str, Any]:
        """Return it in the shape of EC2's Snapshot."""
        return {
            "SnapshotId": self.id,
            "Description": self.description,
            "VolumeId": self.volume.id,
            "VolumeSize": self.volume.size,
            "State": self.status,
            "StateMessage": self.state_message,
            "Progress": self.progress,
            "StartTime": self.start_time,
            "CompletionTime": self.completion_time,
            "OwnerId": self.owner_id,
            "Encrypted": bool(self.encrypted),
            "KmsKeyId": self.kms_key_id,
            "StorageTier": self.storage_tier,
            "FullSnapshotSizeInBytes": self.full_snapshot_size_in_bytes,
            "Tags": [{"Key": k, "Value": v} for k, v in sorted(self.ec2_backend.tags.get(self.id, {}).items())],
        }

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
            groups=sorted(self.create_volume_permission_groups),
            completed=self.completed,
            written=self.written,
        )
