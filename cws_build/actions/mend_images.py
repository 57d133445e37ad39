"""What died processes left undone of images: machines that stand still, images and copies that nobody finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.begin_copy import Begun
from cws_build.actions.follow_copy import await_copy, settle
from cws_build.actions.follow_creation import await_image
from cws_build.actions.hold_machine import start_again
from cws_build.actions.image_detail import image_detail
from cws_build.actions.remember import records
from cws_build.errors import CwsError, StoreError
from cws_build.model.creation import Creation
from cws_build.model.events import Notice
from cws_build.model.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.ports import PastRun

_AT_ONCE = 0.0
"""Seconds that `reap` waits for an image that is still being made: it will be looked at the next time."""


def mend_images(ctx: Context, past: Sequence[PastRun], *, dry_run: bool) -> tuple[str, ...]:
    """Finish what can be finished now; return what was done, or would be, a sentence each.

    What fails is told as a warning, and left for the next time, as is a store that cannot be read.
    """
    try:
        creations, placements = records(ctx, Creation).all(), records(ctx, Placement).all()
    except StoreError as error:
        ctx.emit(Notice(message=f"images are not looked after: {error.message}", level="warning", hint=error.hint))
        return ()
    alive = {run.info.id for run in past if run.alive}
    known = {run.info.id for run in past}
    done: list[str] = []
    for creation in creations.values():
        # A run of another computer may still be at work until its lease is over.
        abandoned = creation.run in known or creation.expires < ctx.clock().isoformat()
        if creation.run not in alive and abandoned:
            done += _mended(ctx, creation, dry_run=dry_run)
    for placement in placements.values():
        if placement.ami_id and placement.status in {"pending", "available"} and not placement.settled:
            done += _settled(ctx, placement, dry_run=dry_run)
    return tuple(done)


def _mended(ctx: Context, line: Creation, *, dry_run: bool) -> list[str]:
    done: list[str] = []
    try:
        if line.restart and (dry_run or start_again(ctx, line)):
            done.append(f"{line.instance} in {line.region}, stopped for an image, started again")
        if line.status == "pending" and not dry_run:
            place = await_image(ctx, line, _AT_ONCE, fresh=False)
            done += [f"{line.ami_id} in {line.region} finished"] if place.status == "available" else []
    except CwsError as error:
        ctx.emit(Notice(message=error.message, level="warning", hint=error.hint))
    return done


def _settled(ctx: Context, line: Placement, *, dry_run: bool) -> list[str]:
    """Settle a copy that has become available since; what its master lost meanwhile cannot be put back."""
    try:
        if ctx.account().images(line.region).progress(line.ami_id).state == "pending":
            return []
        if not dry_run:
            line = await_copy(ctx, Begun(line, fresh=False), _AT_ONCE)
            line = settle(ctx, image_detail(ctx, line.source_region, line.source), line)
    except CwsError as error:
        ctx.emit(Notice(message=error.message, level="warning", hint=error.hint))
        return []
    return [f"the copy {line.ami_id} in {line.region} finished"] if not line.error else []
