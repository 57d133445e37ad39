"""Images that are being made: CreateImage, CopyImage, and how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import GONE, translated
from cws_build.drivers.aws_regional import Regional, find_image, image_snapshots
from cws_build.drivers.aws_resources import tag_list
from cws_build.errors import CloudError
from cws_build.ports.images import CopyOrder, CreateOrder, ImageProgress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import ImageTypeDef, SnapshotTypeDef

_STATES = {
    "pending": "pending",
    "transient": "pending",
    "available": "available",
    "disabled": "disabled",
    "deregistered": "gone",
}
"""EC2's words and the port's; whatever else it says (``failed``, ``error``, ``invalid``) is a failure."""


class Making(Regional):
    """Makes images, and tells of their progress."""

    def create(self, order: CreateOrder) -> str:
        """See the port."""
        chosen: Any = {"Description": order.description} if order.description else {}
        with translated(f"making the image {order.name} of {order.instance} in {self.region}"):
            made = self._ec2.create_image(
                InstanceId=order.instance,
                Name=order.name,
                NoReboot=order.no_reboot,
                TagSpecifications=_specifications(order.tags),
                **chosen,
            )["ImageId"]
        return self._begin(made)

    def copy(self, order: CopyOrder) -> str:
        """See the port."""
        chosen: dict[str, Any] = {"Description": order.description} if order.description else {}
        chosen |= {"Encrypted": True, "KmsKeyId": order.kms_key} if order.kms_key else {}
        with translated(f"copying {order.source} from {order.source_region} to {self.region}"):
            made = self._ec2.copy_image(
                SourceImageId=order.source,
                SourceRegion=order.source_region,
                Name=order.name,
                ClientToken=order.token,
                CopyImageTags=False,
                TagSpecifications=_specifications(order.tags),
                **chosen,
            )["ImageId"]
        return self._begin(made)

    def progress(self, image: str) -> ImageProgress:
        """See the port."""
        found = image_progress(self._ec2, image)
        if found.state != "gone":
            self._begun.pop(image, None)
        elif self._is_new(image):
            return ImageProgress(image=image, state="pending")
        return found


def image_progress(ec2: EC2Client, image: str) -> ImageProgress:
    """Tell how far an image is; one that leads nowhere is gone."""
    try:
        with translated(f"asking how far the image {image} is"):
            found = find_image(ec2, image)
            return _progress(ec2, found) if found else ImageProgress(image=image, state="gone")
    except CloudError as error:
        if not any(word in error.details.get("aws_code", "") for word in GONE):
            raise
        return ImageProgress(image=image, state="gone", reason=error.message)


def _progress(ec2: EC2Client, found: ImageTypeDef) -> ImageProgress:
    state = _STATES.get(str(found.get("State", "")), "failed")
    reason = found.get("StateReason", {}).get("Message", "")
    behind = image_snapshots(ec2, found) if state in {"pending", "failed"} else []
    return ImageProgress(
        image=found["ImageId"],
        state=state,
        percent=_percent(behind) if state == "pending" else None,
        reason=reason or (_complaint(behind) if state == "failed" else ""),
    )


def _percent(snapshots: Sequence[SnapshotTypeDef]) -> int | None:
    told = [snapshot.get("Progress", "").rstrip("%") for snapshot in snapshots]
    return min((int(text) for text in told if text.isdigit()), default=None)


def _complaint(snapshots: Sequence[SnapshotTypeDef]) -> str:
    """Return why a snapshot failed, for an image that does not say so itself: mostly a key that cannot be used."""
    said = [snapshot.get("StateMessage", "") for snapshot in snapshots if snapshot.get("State") == "error"]
    return next((message for message in said if message), "")


def _specifications(tags: Mapping[str, str]) -> list[Any]:
    return [{"ResourceType": kind, "Tags": tag_list(tags)} for kind in ("image", "snapshot")] if tags else []
