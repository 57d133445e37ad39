"""The calls on the recycle bin: what lies in it, and back with it. Its rules belong to a service of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.core.utils import utcfromtimestamp
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.ec2.public_access_calls import PublicAccessCalls

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.recycle_bin import Bin


class BinCalls(PublicAccessCalls):
    """ListImagesInRecycleBin, ListSnapshotsInRecycleBin, and the two that restore."""

    @property
    def bin(self) -> Bin:
        """The region's recycle bin, without what has been in it for long enough."""
        self.here.bin.purge()
        return self.here.bin

    def list_images_in_recycle_bin(self) -> ActionResult:
        """List the deregistered images that can be restored."""
        self.error_on_dryrun()
        wanted = self._get_param("ImageIds", [])
        found = [
            {"ImageId": image.id, "Name": image.name, "Description": image.record.description, **self._times(image.id)}
            for image in self.bin.images.values()
            if not wanted or image.id in wanted
        ]
        return self._page("Images", found)

    def list_snapshots_in_recycle_bin(self) -> ActionResult:
        """List the deleted snapshots that can be restored."""
        self.error_on_dryrun()
        wanted = self._get_param("SnapshotIds", [])
        found = [
            {
                "SnapshotId": snapshot.id,
                "Description": snapshot.description,
                "VolumeId": snapshot.volume.id,
                **self._times(snapshot.id),
            }
            for snapshot in self.bin.snapshots.values()
            if not wanted or snapshot.id in wanted
        ]
        return self._page("Snapshots", found)

    def _times(self, resource: str) -> dict[str, Any]:
        stay = self.here.bin.stays[resource]
        return {
            "RecycleBinEnterTime": utcfromtimestamp(int(stay.entered)),
            "RecycleBinExitTime": utcfromtimestamp(int(stay.exits)),
        }

    def _page(self, key: str, found: list[dict[str, Any]]) -> ActionResult:
        items, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({key: items, "NextToken": token})

    def restore_image_from_recycle_bin(self) -> ActionResult:
        """Put an image back; its snapshots must be there already."""
        image = self.bin.images.get(self._get_param("ImageId"))
        if image is None:
            raise EC2ClientError(
                "InvalidAMIID.NotFound", f"The image id '[{self._get_param('ImageId')}]' does not exist"
            )
        missing = list(self.bin.missing(image))
        if missing:
            raise EC2ClientError(
                "IncorrectState", f"The image {image.id} needs its snapshots, restore them first: {', '.join(missing)}"
            )
        self.here.refuse_taken_name(image.name)
        self.error_on_dryrun()
        self.bin.return_image(image)
        return ActionResult({"Return": True})

    def restore_snapshot_from_recycle_bin(self) -> ActionResult:
        """Put a snapshot back."""
        snapshot = self.bin.snapshots.get(self._get_param("SnapshotId"))
        if snapshot is None:
            raise EC2ClientError(
                "InvalidSnapshot.NotFound", f"The snapshot '{self._get_param('SnapshotId')}' does not exist."
            )
        self.error_on_dryrun()
        self.bin.return_snapshot(snapshot)
        return ActionResult(
            {
                "SnapshotId": snapshot.id,
                "Description": snapshot.description,
                "Encrypted": bool(snapshot.encrypted),
                "OwnerId": snapshot.owner_id,
                "Progress": snapshot.progress,
                "StartTime": snapshot.start_time,
                "State": snapshot.state,
                "VolumeId": snapshot.volume.id,
                "VolumeSize": int(snapshot.volume.size),
            }
        )
