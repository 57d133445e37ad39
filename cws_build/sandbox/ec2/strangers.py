"""Images of other accounts, put into a region from outside: the public, the shared, the marketplace's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from moto.ec2.utils import random_ami_id, random_snapshot_id

from cws_build.errors import InputError
from cws_build.sandbox.ec2.disks import Disk
from cws_build.sandbox.ec2.images import ImageRecord
from cws_build.sandbox.ec2.publishers import LOGINS
from cws_build.sandbox.ec2.sharing import foreign_image
from cws_build.sandbox.records import ACCOUNT, Placed, Stranger, is_account
from cws_build.sandbox.regions import known

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.machines import Machines


def backend_of(region: str, account: str = ACCOUNT) -> SandboxBackend:
    """Return a region of an account.

    Raises:
        InputError: There is no such region, or no such account.
    """
    from moto.ec2.models import ec2_backends

    if region not in known():
        raise InputError(f"there is no region {region}")
    if not is_account(account):
        raise InputError(f"{account} is no account: twelve digits")
    return ec2_backends[account][region]  # type: ignore[return-value]  # the server put ours in place


def place(stranger: Stranger, machines: Machines) -> Placed:
    """Put an image into a region of another account; it is there until the server ends.

    Raises:
        InputError: The region, the account, the login user or the source image is not there.
        ToolError: The file system could not be taken over.
    """
    from moto.ssm.models import ssm_backends

    if stranger.owner == ACCOUNT:
        raise InputError(f"{ACCOUNT} is the sandbox's own account: its images are made with CreateImage")
    if stranger.login not in LOGINS:
        raise InputError(f"there is no base machine for the user {stranger.login}: {', '.join(LOGINS)}")
    backend = backend_of(stranger.region, stranger.owner)
    record = _record(stranger, backend)
    snapshot = record.disks[0].snapshot
    if stranger.source:
        source = backend.find_image(stranger.source)
        if source is None:
            raise InputError(f"there is no image {stranger.source} in {stranger.region}")
        machines.copy(source.ec2_backend.rootfs(source.root_snapshot), backend.rootfs(snapshot))
    backend.publish(record, login="" if stranger.source else stranger.login, copyable=stranger.copyable)
    for account in {ACCOUNT, *ssm_backends}:
        parameters: Any = ssm_backends[account][stranger.region]
        for name in stranger.parameters:
            parameters.publish(name, record.id)
    return Placed(region=stranger.region, image_id=record.id, snapshot_id=snapshot)


def _record(stranger: Stranger, backend: SandboxBackend) -> ImageRecord:
    disk = Disk(device="/dev/xvda", size=stranger.size, snapshot=random_snapshot_id(), encrypted=stranger.encrypted)
    shared = [{"UserId": user} for user in stranger.users]
    return ImageRecord(
        id=random_ami_id(),
        name=stranger.name,
        owner=stranger.owner,
        owner_alias=stranger.alias,
        description=stranger.description,
        architecture=stranger.architecture or backend.world.architecture,
        root_device=disk.device,
        disks=[disk],
        state=stranger.state,
        created=stranger.created or time.time(),
        deprecation=stranger.deprecated,
        permissions=[{"Group": "all"}] if stranger.public else shared,
        product_codes=list(stranger.product_codes),
        platform_details=stranger.platform_details,
        usage_operation=stranger.usage_operation,
        ssm_name=stranger.parameters[0] if stranger.parameters else "",
    )


def withdraw(region: str, image_id: str) -> None:
    """Let the owner of a stranger's image deregister it, with its snapshots.

    Raises:
        InputError: There is no such image, or it is the sandbox's own account's.
    """
    backend = backend_of(region)
    image = foreign_image(backend, image_id)
    if image is None:
        raise InputError(f"there is no image {image_id} of another account in {region}")
    image.ec2_backend.withdraw(image)
    for disk in image.record.disks:
        image.ec2_backend.snapshots.pop(disk.snapshot, None)
