"""The calls on snapshots and volumes that moto leaves unpaged, untagged or stateless."""

from __future__ import annotations

import time

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.utils import generic_filter

from cws_build.sandbox.ec2.image_calls import tags_for
from cws_build.sandbox.ec2.instance_calls import InstanceCalls
from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.ec2.quick_answer import QuickAnswer
from cws_build.sandbox.ec2.sharing import foreign_snapshots
from cws_build.sandbox.ec2.snapshots import SandboxSnapshot
from cws_build.sandbox.imaging import neighbour
from cws_build.sandbox.keys import key_problem
from cws_build.sandbox.world import SnapshotRecord


class SnapshotCalls(InstanceCalls):
    """DescribeSnapshots, CopySnapshot, DescribeVolumes."""

    def describe_snapshots(self) -> ActionResult:
        """Find snapshots by id, owner and filter, in pages."""
        found = self._listed_snapshots()
        ids, users = self._get_param("SnapshotIds", []), self._get_param("RestorableByUserIds", [])
        if ids:
            found = [self.here.get_snapshot(snapshot_id) for snapshot_id in dict.fromkeys(ids)]
        if users:
            wanted = {self.current_account if user == "self" else user for user in users}
            found = [snapshot for snapshot in found if not wanted.isdisjoint(snapshot.given)]
        owners = {self.current_account if owner == "self" else owner for owner in self._get_param("OwnerIds", [])}
        if owners:
            found = [snapshot for snapshot in found if snapshot.owner_id in owners]
        found = generic_filter(self._filters_from_querystring(), [one.seen_by(self.here) for one in found])
        items, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        return QuickAnswer({"Snapshots": [one.answer() for one in items], "NextToken": token})

    def _listed_snapshots(self) -> list[SandboxSnapshot]:
        mine = [one for one in self.here.snapshots.values() if isinstance(one, SandboxSnapshot)]
        return [one for one in (*mine, *foreign_snapshots(self.here)) if one.readable(self.current_account)]

    def describe_snapshot_attribute(self) -> ActionResult:
        """Tell the owner of a snapshot who else may make volumes from it."""
        self._own_snapshot(self._get_param("SnapshotId"))
        return super().describe_snapshot_attribute()

    def _own_snapshot(self, snapshot_id: str) -> None:
        if self.here.get_snapshot(snapshot_id).owner_id != self.current_account:
            raise EC2ClientError("AuthFailure", f"Not authorized for snapshot:{snapshot_id}")

    def describe_volumes(self) -> ActionResult:
        """Find volumes, in pages."""
        found = self.here.describe_volumes(
            volume_ids=self._get_param("VolumeIds", []), filters=self._filters_from_querystring()
        )
        items, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({"Volumes": items, "NextToken": token})

    def copy_snapshot(self) -> ActionResult:
        """Begin a copy of a snapshot; a worker gives it the source's file system."""
        region, source_id = self._get_param("SourceRegion"), self._get_param("SourceSnapshotId")
        there = neighbour(self.here, region)
        source = there.get_snapshot(source_id)
        encryption = self._encryption(encrypted=bool(source.encrypted))
        self._refuse_crowd(1)
        self.error_on_dryrun()
        record = SnapshotRecord(
            id="",
            size=int(source.volume.size),
            description=self._get_param("Description", f"[Copied {source_id} from {region}]"),
            owner=self.current_account,
            created=time.time(),
            volume="vol-ffffffff",
            state="pending",
            encrypted=encryption.wanted,
            kms_key=encryption.key,
            reason=encryption.problem or key_problem(source.kms_key_id or "", self.current_account),
        )
        tags = tags_for(self._get_param("TagSpecifications", []), "snapshot")
        snapshot_id = self.here.new_snapshot(record, tags)
        self.here.copying.add(snapshot_id)
        self.here.snapshot_copies[snapshot_id] = (region, source_id)
        return ActionResult({"SnapshotId": snapshot_id, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})

    def delete_snapshot(self) -> ActionResult:
        """Delete a snapshot that no image uses."""
        snapshot_id = self._get_param("SnapshotId")
        self._own_snapshot(snapshot_id)
        for image in self.here.amis.values():
            if any(disk.snapshot == snapshot_id for disk in image.record.disks):
                raise EC2ClientError(
                    "InvalidSnapshot.InUse", f"The snapshot {snapshot_id} is currently in use by {image.id}"
                )
        self.error_on_dryrun()
        self.here.discard(snapshot_id)
        return ActionResult({})
