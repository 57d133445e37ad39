"""Follow an image that somebody has begun, and finish it as whoever began it would have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.begin_copy import Begun
from cws_build.actions.follow_copy import await_copy, settle
from cws_build.actions.follow_creation import await_image
from cws_build.actions.image_detail import image_detail
from cws_build.actions.remember import records
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError
from cws_build.model.creation import Creation
from cws_build.model.image_events import ImageProgressed
from cws_build.model.placement import Placement

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.image import Ami

_AT_MOST = 24 * 3600.0
"""Seconds; large images of full disks have been seen to take hours."""


def follow_image(ctx: Context, ami: Ami) -> None:
    """Wait until an image is no longer being made, whatever became of it.

    Raises:
        CloudError: It has failed, or is gone.
        Interrupted: ``ctx.cancel`` was set; it goes on by itself.
    """
    made = next((line for line in records(ctx, Creation).all().values() if line.ami_id == ami.id), None)
    copy = next((line for line in records(ctx, Placement).all().values() if line.ami_id == ami.id), None)
    if made:
        await_image(ctx, made, _AT_MOST, fresh=False)
    elif copy:
        line = await_copy(ctx, Begun(copy, fresh=False), _AT_MOST)
        settle(ctx, image_detail(ctx, line.source_region, line.source), line)
    else:
        _watch(ctx, ami)


def _watch(ctx: Context, ami: Ami) -> None:
    """Watch an image of nobody's ledger."""
    wait, images = Wait(ctx, minutes=_AT_MOST / 60, what=ami.id), ctx.account().images(ami.region)
    while (state := images.progress(ami.id)).state == "pending":
        ctx.emit(ImageProgressed(image=ami.id, name=ami.name, percent=state.percent, seconds=wait.seconds))
        if not wait.pause():
            return
    if state.state in {"failed", "gone"}:
        raise CloudError(
            f"{ami.id} has {'failed' if state.state == 'failed' else 'gone'}: {state.reason or 'no reason'}"
        )
