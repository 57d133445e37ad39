"""The calls on snapshots and volumes that moto leaves unpaged, untagged or stateless."""

from __future__ import annotations

import logging
import time
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.image_calls import tags_for
from cws_build.sandbox.ec2.instance_calls import InstanceCalls
from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.imaging import neighbour
from cws_build.sandbox.world import SnapshotRecord

log = logging.getLogger("sandbox")


class SnapshotCalls(InstanceCalls):
    """DescribeSnapshots, CopySnapshot, DescribeVolumes."""

    def describe_snapshots(self) -> ActionResult:
        """Find snapshots by id, owner and filter, in pages."""
        found = self.here.describe_snapshots(
            snapshot_ids=self._get_param("SnapshotIds", []), filters=self._filters_from_querystring()
        )
        owners = self._get_param("OwnerIds", [])
        if owners:
            wanted = {self.current_account if owner == "self" else owner for owner in owners}
            found = [snapshot for snapshot in found if snapshot.owner_id in wanted]
        items, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({"Snapshots": items, "NextToken": token})

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
        source = neighbour(self.here, region).get_snapshot(source_id)
        self.error_on_dryrun()
        key = self._get_param("KmsKeyId", "")
        record = SnapshotRecord(
            id="",
            size=int(source.volume.size),
            description=self._get_param("Description", f"[Copied {source_id} from {region}]"),
            owner=self.current_account,
            created=time.time(),
            volume="vol-ffffffff",
            state="pending",
            encrypted=bool(source.encrypted or key or self._get_param("Encrypted", if_none=False)),
            kms_key=key,
        )
        tags = tags_for(self._get_param("TagSpecifications", []), "snapshot")
        snapshot_id = self.here.new_snapshot(record, tags)
        self.here.snapshot_copies[snapshot_id] = (region, source_id)
        return ActionResult({"SnapshotId": snapshot_id, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})

    def delete_snapshot(self) -> ActionResult:
        """Delete a snapshot that no image uses."""
        snapshot_id = self._get_param("SnapshotId")
        self.here.get_snapshot(snapshot_id)
        for image in self.here.amis.values():
            if any(disk.snapshot == snapshot_id for disk in image.record.disks):
                raise EC2ClientError(
                    "InvalidSnapshot.InUse", f"The snapshot {snapshot_id} is currently in use by {image.id}"
                )
        self.error_on_dryrun()
        self.here.snapshots.pop(snapshot_id)
        self.here.tags.pop(snapshot_id, None)
        return ActionResult({})


class SandboxCalls(SnapshotCalls):
    """Everything together: what the server puts in the place of moto's EC2Response."""

    def call_action(self) -> Any:  # noqa: ANN401 - moto's own triple
        """Answer a call; one that neither moto nor the overlay knows is refused in EC2's words, not with a page."""
        try:
            return super().call_action()
        except NotImplementedError:
            message = f"The action {self._get_action()} is not one that the sandbox knows."
            return self.serialized(ActionResult(EC2ClientError("InvalidAction", message)))
        except Exception as error:
            log.exception("%s", self._get_action())
            message = f"The sandbox failed at {self._get_action()}: {error!r}"
            _, headers, body = self.serialized(ActionResult(EC2ClientError("InternalError", message)))
            return 500, headers, body
