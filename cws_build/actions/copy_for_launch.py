"""Bring an image of another region here for a launch: waited for, or left to finish by itself.

Both are lines of the ledger, as every copy is (`begin_copy`): one that somebody has begun is waited for, one that has
failed is made anew by the next launch that wants it, and one whose launch was stopped goes on, for the next.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cws_build.actions.begin_copy import Errand, begin_copy
from cws_build.actions.follow_copy import await_copy, settle
from cws_build.actions.image_detail import image_detail
from cws_build.errors import CloudError
from cws_build.model.events import Notice
from cws_build.model.image import Ami, ImageQuery
from cws_build.model.image_events import CopyBegun, CopyEnded
from cws_build.model.image_tags import COPIED_TAG as COPIED_TAG  # noqa: PLC0414  others know it from here

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.launching import CopyStep
    from cws_build.ports import Run

_HINT = "--no-copy launches by script"


def copy_for_launch(ctx: Context, step: CopyStep, run: Run) -> Ami:
    """Copy an image into the run's region and wait until it can be launched.

    Raises:
        CloudError: The copy failed, or takes several times longer than was to be expected.
        Interrupted: ``ctx.cancel`` was set; the copy goes on by itself.
    """
    try:
        return _copied(ctx, step, run)
    except CloudError as error:
        raise type(error)(error.message, hint=_HINT, details=error.details) from error


def begin_background_copy(ctx: Context, step: CopyStep, run: Run) -> str:
    """Begin a copy that nobody waits for, and return the id that it will have.

    It carries its digest at once: an image that is not available is offered by no tier, and one that has failed
    costs nothing.

    Raises:
        CloudError: The copy was refused.
    """
    return begin_copy(ctx, _errand(ctx, step, run, ready=True)).line.ami_id


def _copied(ctx: Context, step: CopyStep, run: Run) -> Ami:
    began, region, ident = time.monotonic(), run.info.region, run.info.id
    begun = begin_copy(ctx, _errand(ctx, step, run, ready=False))
    image = begun.line.ami_id
    if not begun.fresh:
        ctx.emit(Notice(run=ident, message=f"{image} is a copy of the same image, begun before; waiting for it"))
    ctx.emit(CopyBegun(run=ident, image=image, region=region, source_region=step.source_region, estimate=step.seconds))
    line = await_copy(ctx, begun, step.seconds.timeout)
    if line.status == "pending":
        waited = (time.monotonic() - began) / 60
        raise CloudError(f"the copy {image} is still pending after {waited:.0f} minutes, far longer than expected")
    line = settle(ctx, image_detail(ctx, step.source_region, step.source.id), line)
    if line.error:
        message = f"the copy {image} is not all that its master is: {line.error}"
        ctx.emit(Notice(run=ident, message=message, level="warning"))
    found = ctx.account().cloud(region).images(ImageQuery(ids=(image,)))
    if not found:
        raise CloudError(f"{image} was copied and is gone again")
    ctx.emit(CopyEnded(run=ident, image=image, region=region, seconds=time.monotonic() - began))
    return found[0]


def _errand(ctx: Context, step: CopyStep, run: Run, *, ready: bool) -> Errand:
    return Errand(
        master=step.source,
        step=step,
        region=run.info.region,
        kms_key=ctx.settings.images.kms_keys.get(run.info.region, ""),
        verb="launch",
        ready=ready,
    )
