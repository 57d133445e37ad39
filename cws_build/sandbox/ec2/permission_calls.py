"""Who may launch an image: the calls that change it, by its owner and by those that it was shared with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError, InvalidAMIAttributeItemValueError

from cws_build.sandbox.ec2.image_calls import ImageCalls
from cws_build.sandbox.records import is_account

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.images import Image

Permission = dict[str, str]
"""One of ``UserId``, ``Group``, ``OrganizationArn``, ``OrganizationalUnitArn``, with its value."""
MOST = 1000
"""How many may be given an image, as AWS's quota has it."""
_LISTS = {
    "UserIds": "UserId",
    "UserGroups": "Group",
    "OrganizationArns": "OrganizationArn",
    "OrganizationalUnitArns": "OrganizationalUnitArn",
}
"""The parameters that go with OperationType, and which kind of permission each one lists."""
_ARN = {
    "OrganizationArn": re.compile(r"arn:aws:organizations::\d{12}:organization/o-[a-z0-9]{10,32}"),
    "OrganizationalUnitArn": re.compile(
        r"arn:aws:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}"
    ),
}


class PermissionCalls(ImageCalls):
    """ModifyImageAttribute and ResetImageAttribute for launch permissions, CancelImageLaunchPermission."""

    def modify_image_attribute(self) -> ActionResult:
        """Change who may launch an image, in both ways in which it can be asked for, or what the image says."""
        add, remove = self._asked("Add"), self._asked("Remove")
        if not add and not remove:
            return super().modify_image_attribute()
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        self._check(image, add)
        self.error_on_dryrun()
        kept = [one for one in image.record.permissions if one not in remove]
        image.record.permissions = kept + [one for one in add if one not in kept]
        return EmptyResult()

    def _asked(self, word: str) -> list[Permission]:
        given: list[Permission] = [dict(one) for one in self._get_param(f"LaunchPermission.{word}", [])]
        if self._get_param("OperationType") == word.lower():
            given += [{kind: value} for name, kind in _LISTS.items() for value in self._get_param(name, [])]
        return list({tuple(one.items()): one for one in given}.values())

    def _check(self, image: Image, add: list[Permission]) -> None:
        for one in add:
            for kind, value in one.items():
                if not _valid(kind, value):
                    raise InvalidAMIAttributeItemValueError(kind, value)
        if len({tuple(one.items()) for one in (*image.record.permissions, *add)}) > MOST:
            raise EC2ClientError(
                "ResourceLimitExceeded", f"The image {image.id} cannot be shared with more than {MOST} entities"
            )
        if {"Group": "all"} in add:
            self._check_publishable(image)

    def _check_publishable(self, image: Image) -> None:
        if any(disk.encrypted for disk in image.record.disks):
            raise EC2ClientError("OperationNotPermitted", "An image with encrypted snapshots cannot be made public")
        if image.record.product_codes:
            raise EC2ClientError("OperationNotPermitted", "An image with product codes cannot be made public")

    def reset_image_attribute(self) -> EmptyResult:  # type: ignore[override]  # moto has none, and says str
        """Take all launch permissions away."""
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        if self._get_param("Attribute") != "launchPermission":
            raise EC2ClientError("InvalidParameterValue", "Only launchPermission can be reset")
        self.error_on_dryrun()
        image.record.permissions = []
        return EmptyResult()

    def cancel_image_launch_permission(self) -> ActionResult:
        """Give up the right to launch an image that was shared with this very account."""
        image = self.here.image(self._get_param("ImageId"))
        mine = {"UserId": self.current_account}
        if mine not in image.record.permissions:
            raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image.id}]' does not exist")
        self.error_on_dryrun()
        image.record.permissions.remove(mine)
        return ActionResult({"Return": True})


def _valid(kind: str, value: str) -> bool:
    if kind in _ARN:
        return _ARN[kind].fullmatch(value) is not None
    return is_account(value) if kind == "UserId" else (kind, value) == ("Group", "all")
