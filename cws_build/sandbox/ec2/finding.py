"""Images as an account finds them: its own, and what others let it see in the same region."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, MalformedAMIIdError

from cws_build.sandbox.ec2.image_filters import executable, matches, owned
from cws_build.sandbox.ec2.retiring import RetiringBackend
from cws_build.sandbox.ec2.sharing import foreign_image, foreign_images, gone, may_launch

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.images import Image

ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
"""An AMI's id, in the old length and the new."""


class Finding(RetiringBackend):
    """The part of a region of an account that finds images."""

    def image(self, image_id: str) -> Image:
        """Find an image by id, of whatever account.

        Raises:
            EC2ClientError: InvalidAMIID.Malformed or InvalidAMIID.NotFound.
        """
        if not ID.fullmatch(image_id):
            raise MalformedAMIIdError([image_id])
        found = self.find_image(image_id)
        if found is None:
            raise InvalidAMIIdError([image_id])
        return found

    def find_image(self, image_id: str) -> Image | None:
        """Find an image by id, of whatever account; None where there is none."""
        return self.amis.get(image_id) or foreign_image(self, image_id)

    def refuse_taken_name(self, name: str) -> None:
        """Keep names of own images unique in the region, as EC2 does.

        Raises:
            EC2ClientError: InvalidAMIName.Duplicate.
        """
        for image in self.amis.values():
            record = image.record
            if record.name == name and record.owner == self.account_id and record.state != "failed":
                raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")

    def describe_images(  # type: ignore[override]  # Image offers what moto's code asks of Ami
        self,
        ami_ids: list[str] | None = None,
        filters: dict[str, Any] | None = None,
        exec_users: list[str] | None = None,
        owners: list[str] | None = None,
    ) -> list[Image]:
        """Find images; moto's own code asks here too."""
        if ami_ids:
            found = self._named(ami_ids)
        elif owners and set(owners) <= {"self", self.account_id}:
            found = [image for image in self.amis.values() if image.owner_id == self.account_id]
        else:
            found = [image for image in (*self.amis.values(), *foreign_images(self)) if self.visible(image)]
        if owners:
            found = [image for image in found if owned(image, owners, self.account_id)]
        if exec_users:
            found = [image for image in found if executable(image, exec_users, self.account_id)]
        wanted = {k: v if isinstance(v, list) else [v] for k, v in (filters or {}).items()}
        admitted = wanted.pop("image-allowed", None)
        if admitted:
            found = [image for image in found if str(self.meets(image)).lower() in admitted]
        return [image for image in found if matches(image, wanted, self)]

    def visible(self, image: Image) -> bool:
        """Tell whether the account may see and launch an image."""
        return may_launch(image, self.account_id) and self.admits(image)

    def _named(self, ami_ids: list[str]) -> list[Image]:
        malformed = [i for i in ami_ids if not ID.fullmatch(i)]
        if malformed:
            raise MalformedAMIIdError(malformed)
        named = {i: self.find_image(i) for i in ami_ids}
        seen = {i: image for i, image in named.items() if image is not None and self.visible(image)}
        unknown = [i for i in ami_ids if i not in seen and not gone(self, i)]
        if unknown:
            raise InvalidAMIIdError(unknown)
        return list(seen.values())
