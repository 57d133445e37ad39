"""What accounts see of one another: images that may be launched, snapshots that may be copied, in the same region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.sandbox.ec2.snapshots import SandboxSnapshot
from cws_build.sandbox.organization import memberships

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.sandbox.ec2.finding import Finding
    from cws_build.sandbox.ec2.images import Image


def others(backend: Finding) -> Iterator[Finding]:
    """Visit the same region of every other account that has used it."""
    from moto.ec2.models import ec2_backends

    for account, regions in list(ec2_backends.items()):
        other = dict.get(regions, backend.region_name)  # the mapping's own [] would make what is not there
        if other is not None and account != backend.account_id:
            yield other  # type: ignore[misc]  # the server put ours in place


def may_launch(image: Image, account: str) -> bool:
    """Tell whether an image's launch permissions let an account launch it."""
    if image.owner_id == account:
        return True
    permissions = image.launch_permissions
    if not permissions:
        return False
    if {"Group": "all"} in permissions or {"UserId": account} in permissions:
        return True
    groups = memberships(account)
    return any(given.get("OrganizationArn", given.get("OrganizationalUnitArn")) in groups for given in permissions)


def foreign_images(backend: Finding) -> Iterator[Image]:
    """Visit the images of other accounts that an account may launch, but for the base images that it has anyway."""
    for other in others(backend):
        for image in other.amis.values():
            if image.owner_id == other.account_id and may_launch(image, backend.account_id):
                yield image


def foreign_image(backend: Finding, image_id: str) -> Image | None:
    """Find an image of another account, whether it may be launched or not."""
    for other in others(backend):
        image = other.amis.get(image_id)
        if image is not None and image.owner_id == other.account_id:
            return image
    return None


def gone(backend: Finding, image_id: str) -> bool:
    """Tell whether there was such an image, here or in another account, and it was deregistered."""
    return image_id in backend.deleted_amis or any(image_id in other.deleted_amis for other in others(backend))


def foreign_snapshots(backend: Finding) -> Iterator[SandboxSnapshot]:
    """Visit the snapshots of other accounts that an account may copy."""
    for other in others(backend):
        for snapshot in other.snapshots.values():
            if isinstance(snapshot, SandboxSnapshot) and snapshot.owner_id == other.account_id:
                shared = snapshot.create_volume_permission_userids or snapshot.create_volume_permission_groups
                if shared and snapshot.readable(backend.account_id):
                    yield snapshot


def find_snapshot(backend: Finding, snapshot_id: str) -> SandboxSnapshot | None:
    """Find a snapshot of the account or of another one, whether it may be copied or not."""
    for place in (backend, *others(backend)):
        snapshot = place.snapshots.get(snapshot_id)
        if isinstance(snapshot, SandboxSnapshot):
            return snapshot
    return None
