"""Block public access of images and snapshots, the quota of public images, and what both refuse."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.snapshot_calls import SnapshotCalls

MOST_PUBLIC = 5
"""How many public images an account may have in a region; Service Quotas tells it as L-0E3CBAB9."""
UNBLOCKED = "unblocked"


def _names_all(change: dict[str, Any]) -> bool:
    return any(entry.get("Group") == "all" for entry in change.get("Add", []))


class PublicAccessCalls(SnapshotCalls):
    """The six calls on blocks, and ModifyImageAttribute and ModifySnapshotAttribute as far as they make public."""

    def get_image_block_public_access_state(self) -> ActionResult:
        """Tell whether images can be made public."""
        self.error_on_dryrun()
        state = self.here.settings.public_images
        return ActionResult({"ImageBlockPublicAccessState": state, "ManagedBy": "account"})

    def enable_image_block_public_access(self) -> ActionResult:
        """Refuse to make images public from now on; those that are stay so."""
        return self._block_images(self._get_param("ImageBlockPublicAccessState"))

    def disable_image_block_public_access(self) -> ActionResult:
        """Let images be made public; on AWS this takes up to ten minutes."""
        return self._block_images(UNBLOCKED)

    def _block_images(self, state: str) -> ActionResult:
        self.error_on_dryrun()
        self.here.settings.public_images = state
        return ActionResult({"ImageBlockPublicAccessState": state})

    def get_snapshot_block_public_access_state(self) -> ActionResult:
        """Tell whether snapshots can be made public."""
        self.error_on_dryrun()
        return ActionResult({"State": self.here.settings.public_snapshots, "ManagedBy": "account"})

    def enable_snapshot_block_public_access(self) -> ActionResult:
        """Refuse to make snapshots public, or hide those that are public too."""
        return self._block_snapshots(self._get_param("State"))

    def disable_snapshot_block_public_access(self) -> ActionResult:
        """Let snapshots be made public."""
        return self._block_snapshots(UNBLOCKED)

    def _block_snapshots(self, state: str) -> ActionResult:
        self.error_on_dryrun()
        self.here.settings.public_snapshots = state
        return ActionResult({"State": state})

    def modify_image_attribute(self) -> ActionResult:
        """Change an image: a disabled one is shared with nobody, and not every one can be made public."""
        adds, change = self._get_param("OperationType") == "add", self._get_param("LaunchPermission", {})
        image = self.here.image(self._get_param("ImageId"))
        if image.state == "disabled" and (adds or change.get("Add")):
            raise EC2ClientError("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is disabled")
        if ("all" in self._get_param("UserGroups", []) and adds) or _names_all(change):
            self._refuse_public_image(self._get_param("ImageId"))
        return super().modify_image_attribute()

    def _refuse_public_image(self, image_id: str) -> None:
        if self.here.settings.public_images != UNBLOCKED:
            raise EC2ClientError(
                "OperationNotPermitted",
                "You can't publicly share this image because block public access for AMIs is enabled for this account. "
                "To publicly share the image, you must call the DisableImageBlockPublicAccess API.",
            )
        public = {i.id for i in self.here.amis.values() if i.owner_id == self.current_account and i.is_public}
        if len(public - {image_id}) >= MOST_PUBLIC:
            raise EC2ClientError(
                "ResourceLimitExceeded",
                f"You have reached your quota of {MOST_PUBLIC} for the number of public images allowed in this "
                "Region. Deregister unused public images or make them private, or request an increase in your "
                "public AMIs quota.",
            )

    def modify_snapshot_attribute(self) -> ActionResult:
        """Change who may read a snapshot; making it public needs a region that lets it."""
        groups = self._get_param("GroupNames", []) if self._get_param("OperationType") == "add" else []
        public = "all" in groups or _names_all(self._get_param("CreateVolumePermission", {}))
        if public and self.here.settings.public_snapshots != UNBLOCKED:
            raise EC2ClientError(
                "OperationNotPermitted",
                "You can't publicly share this snapshot because block public access for snapshots is enabled for "
                "this account.",
            )
        return super().modify_snapshot_attribute()
