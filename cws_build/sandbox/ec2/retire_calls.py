"""The calls that age an image: deprecation, disabling, protection, deregistration, and what its attributes say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidRequest, UnvailableAMIIdError

from cws_build.sandbox.ec2.copy_calls import CopyCalls
from cws_build.sandbox.ec2.images import iso

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.disks import Disk
    from cws_build.sandbox.ec2.images import Image

TEN_YEARS = 10 * 366 * 86400
TWO_YEARS = 2 * 366 * 86400
COOLDOWN = 86400.0
"""Seconds for which an image stays protected after the protection was taken away, where that was asked for."""
COOLS = "enabled-with-cooldown"


def _seconds(value: Any) -> float:  # noqa: ANN401 - as parsed
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class RetireCalls(CopyCalls):
    """DeregisterImage; deprecation, disabling and deregistration protection; DescribeImageAttribute."""

    def _own_image(self) -> Image:
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        return image

    def deregister_image(self) -> ActionResult:
        """Take an image away; with DeleteAssociatedSnapshots its snapshots too, unless another image uses them."""
        image_id = self._get_param("ImageId")
        if image_id in self.here.deleted_amis:
            raise UnvailableAMIIdError(image_id)
        image = self._own_image()
        self._refuse_protected(image)
        self.error_on_dryrun()
        self.here.withdraw(image)
        result: dict[str, Any] = {"Return": True}
        if self._get_param("DeleteAssociatedSnapshots", if_none=False):
            result["DeleteSnapshotResults"] = [self._delete(disk) for disk in image.record.disks if disk.snapshot]
        return ActionResult(result)

    def _refuse_protected(self, image: Image) -> None:
        reason = ""
        if image.record.protection != "disabled":
            reason = "deregistration protection is enabled"
        elif image.record.protected_until > self.here.world.now():
            reason = f"the cooldown of its deregistration protection lasts until {iso(image.record.protected_until)}"
        if reason:
            raise EC2ClientError("OperationNotPermitted", f"The image {image.id} can't be deregistered: {reason}")

    def _delete(self, disk: Disk) -> dict[str, str]:
        if any(disk.snapshot == d.snapshot for image in self.here.amis.values() for d in image.record.disks):
            return {"SnapshotId": disk.snapshot, "ReturnCode": "skipped"}
        known = self.here.discard(disk.snapshot)
        return {"SnapshotId": disk.snapshot, "ReturnCode": "success" if known else "internal-error"}

    def enable_image_deregistration_protection(self) -> ActionResult:
        """Refuse to deregister an image from now on."""
        image = self._own_image()
        self.error_on_dryrun()
        cools = self._get_param("WithCooldown", if_none=False)
        image.record.protection = COOLS if cools else "enabled-without-cooldown"
        image.record.protected_until = 0.0
        return ActionResult({"Return": "true"})

    def disable_image_deregistration_protection(self) -> ActionResult:
        """Let an image be deregistered again: at once, or a day later where it was protected with a cooldown."""
        image = self._own_image()
        self.error_on_dryrun()
        if image.record.protection == COOLS:
            image.record.protected_until = self.here.world.now() + COOLDOWN
        image.record.protection = "disabled"
        return ActionResult({"Return": "true"})

    def enable_image_deprecation(self) -> ActionResult:
        """Set the date after which searches of others no longer show the image."""
        image, now = self._own_image(), self.here.world.now()
        at = _seconds(self._get_param("DeprecateAt"))
        limit = image.record.created + TWO_YEARS if image.is_public else now + TEN_YEARS
        if not now - 60 <= at <= limit:
            raise EC2ClientError(
                "InvalidParameterValue",
                "The deprecation date must be in the future, at most 10 years from now "
                "(2 years from its creation for a public image)",
            )
        self.error_on_dryrun()
        image.record.deprecation = at - at % 60
        return ActionResult({"Return": True})

    def disable_image_deprecation(self) -> ActionResult:
        """Take the deprecation date away."""
        image = self._own_image()
        self.error_on_dryrun()
        image.record.deprecation = 0.0
        return ActionResult({"Return": True})

    def disable_image(self) -> ActionResult:
        """Disable an image: it cannot be launched, and its launch permissions are gone."""
        image = self._own_image()
        if image.state not in {"available", "disabled"}:
            raise EC2ClientError(
                "InvalidAMIID.Unavailable", f"The image ID '{image.id}' is not available (state {image.state})"
            )
        self.error_on_dryrun()
        image.record.state = "disabled"
        image.record.permissions.clear()
        return ActionResult({"Return": True})

    def enable_image(self) -> ActionResult:
        """Enable a disabled image; its launch permissions do not come back."""
        image = self._own_image()
        self.error_on_dryrun()
        if image.state == "disabled":
            image.record.state = "available"
        return ActionResult({"Return": True})

    def modify_image_attribute(self) -> ActionResult:
        """Change an image; one that is encrypted with the account's default key cannot be shared."""
        if self._get_param("LaunchPermission.Add") or self._get_param("OperationType") == "add":
            for disk in self.here.image(self._get_param("ImageId")).record.disks:
                self._refuse_default_key(encrypted=disk.encrypted, key=disk.kms_key)
        return super().modify_image_attribute()

    def modify_snapshot_attribute(self) -> ActionResult:
        """Change who may make volumes from a snapshot, in both ways in which it can be asked for."""
        snapshot = self.here.get_snapshot(self._get_param("SnapshotId"))
        if snapshot.owner_id != self.current_account:
            raise EC2ClientError("AuthFailure", f"Not authorized for snapshot:{snapshot.id}")
        change = self._get_param("CreateVolumePermission", {})
        if change.get("Add") or self._get_param("OperationType") == "add":
            self._refuse_default_key(encrypted=bool(snapshot.encrypted), key=snapshot.kms_key_id or "")
        answer = super().modify_snapshot_attribute()
        users, groups = snapshot.create_volume_permission_userids, snapshot.create_volume_permission_groups
        for kept, field in ((users, "UserId"), (groups, "Group")):
            kept |= {entry[field] for entry in change.get("Add", []) if field in entry}
            kept -= {entry[field] for entry in change.get("Remove", []) if field in entry}
        return answer

    def describe_image_attribute(self) -> ActionResult:
        """Tell one attribute of an image."""
        image, attribute = self._own_image(), self._get_param("Attribute")
        record = image.record
        values: dict[str, Any] = {
            "description": ("Description", {"Value": record.description}),
            "bootMode": ("BootMode", {"Value": record.boot_mode}),
            "imdsSupport": ("ImdsSupport", {"Value": record.imds_support} if record.imds_support else {}),
            "launchPermission": ("LaunchPermissions", record.permissions),
            "lastLaunchedTime": (
                "LastLaunchedTime",
                {"Value": iso(record.last_launched)} if record.last_launched else {},
            ),
            "deregistrationProtection": ("DeregistrationProtection", {"Value": record.protection}),
            "sriovNetSupport": ("SriovNetSupport", {"Value": "simple"}),
            "productCodes": (
                "ProductCodes",
                [{"ProductCodeId": code, "ProductCodeType": "marketplace"} for code in record.product_codes],
            ),
        }
        if attribute not in values:
            raise InvalidRequest
        key, value = values[attribute]
        return ActionResult({"ImageId": image.id, key: value})
