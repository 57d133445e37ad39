"""An image comes back from the recycle bin: its snapshots first, without which EC2 refuses, then the image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.actions.remember import records
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError
from cws_build.model.retiring import Retirement

if TYPE_CHECKING:
    from collections.abc import Collection

    from cws_build.context import Context
    from cws_build.ports.images import Images

_MINUTES = 10.0
"""What leaves the bin is there in seconds; more is a fault at AWS."""
_LACKS = "IncorrectState"
"""EC2's code where snapshots of the image are not there."""
_SNAPSHOT = re.compile(r"\bsnap-[0-9a-f]+\b")


def restore_image(ctx: Context, region: str, ident: str) -> None:
    """Bring an image back with its snapshots, and wait until it is there; the same again goes on, or does nothing.

    Its snapshots are those that the record of its removal names, those whose description, which EC2 writes, names the
    image, and those that EC2 says are missing.

    Raises:
        ResourceNotFound: The recycle bin does not have it.
        CloudError: AWS refuses, or a snapshot is gone for good.
        Interrupted: ``ctx.cancel`` was set; the same command again goes on.
    """
    images = ctx.account().images(region)
    if images.progress(ident).state == "gone":
        removed = records(ctx, Retirement).get(ident)
        _snapshots(ctx, images, ident, removed.snapshots if removed and removed.region == region else ())
        try:
            images.restore(ident)
        except CloudError as error:
            if _LACKS not in str(error.details.get("aws_code", "")):
                raise
            if not _snapshots(ctx, images, ident, _SNAPSHOT.findall(error.message)):
                raise _lacking(error, region) from error
            images.restore(ident)
    wait = Wait(ctx, minutes=_MINUTES, what=ident)
    while images.progress(ident).state in {"gone", "pending"}:
        if not wait.pause():
            raise CloudError(f"{ident} in {region} was restored, and is not there after {_MINUTES:.0f} minutes")


def _snapshots(ctx: Context, images: Images, ident: str, named: Collection[str]) -> tuple[str, ...]:
    """Bring snapshots of an image back, and wait until they can be used; return those that were in the bin."""
    back = images.restore_snapshots(ident, sorted(named))
    wait = Wait(ctx, minutes=_MINUTES, what=f"the snapshots of {ident}")
    while back and any(state != "completed" for state in images.snapshot_states(back).values()):
        if not wait.pause():
            raise CloudError(f"{', '.join(back)} are not there {_MINUTES:.0f} minutes after they were restored")
    return back


def _lacking(error: CloudError, region: str) -> CloudError:
    hint = (
        f"aws ec2 list-snapshots-in-recycle-bin --region {region} shows which ones can be restored; after "
        "aws ec2 restore-snapshot-from-recycle-bin the same command again goes on"
    )
    return CloudError(f"{error.message}, and the recycle bin does not have them", hint=hint, details=error.details)
