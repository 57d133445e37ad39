"""See one copy through: watch it, settle it, and keep the ledger true meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cws_build.actions.begin_copy import passing
from cws_build.actions.remember import records
from cws_build.actions.settle_copy import settle_copy
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError
from cws_build.model.events import Notice
from cws_build.model.launch_events import CopyProgress
from cws_build.model.placement import Placement, placement_key
from cws_build.ports.images import ImageProgress

if TYPE_CHECKING:
    from cws_build.actions.begin_copy import Begun
    from cws_build.context import Context
    from cws_build.ports.images import ImageDetail

_LONGEST_PAUSE = 5.0


class SettledLine(NamedTuple):
    """A copy after it was settled."""

    line: Placement
    """Its error says what could not be put back."""
    put_back: tuple[str, ...]
    """What differed from its master, in a few words each."""


def await_copy(ctx: Context, begun: Begun, timeout: float) -> Placement:
    """Wait until a copy is available.

    Args:
        ctx: The context.
        begun: The copy.
        timeout: Seconds after which it is given up on for now; it goes on by itself.

    Returns:
        Its line, which says ``available``; ``pending`` where the time is over.

    Raises:
        CloudError: It has failed, or is gone; the ledger says why.
        Interrupted: ``ctx.cancel`` was set; the copy goes on by itself.
    """
    line, began = begun.line, time.monotonic()
    wait = Wait(ctx, minutes=timeout / 60, longest=_LONGEST_PAUSE)
    while (state := look(ctx, line.region, line.ami_id)).state == "pending":
        percent, seconds = state.percent, wait.seconds
        ctx.emit(CopyProgress(image=line.ami_id, region=line.region, percent=percent, seconds=seconds))
        if not wait.pause():
            return line
    if state.state in {"failed", "gone"}:
        raise _ended(ctx, line, state)
    if line.status == "available":
        return line
    finished = ctx.clock().isoformat(timespec="seconds")
    spent = time.monotonic() - began if begun.fresh else None
    line = msgspec.structs.replace(line, status="available", finished=finished, seconds=spent, error="")
    records(ctx, Placement).put(placement_key(line.source, line.region), line)
    return line


def settle(ctx: Context, master: ImageDetail, line: Placement) -> Placement:
    """Settle a copy that is available, unless it is; return its line, whose error says what could not be put back.

    Raises:
        CloudError: It is gone, or cannot be tagged.
    """
    return line if line.settled else settle_again(ctx, master, line).line


def settle_again(ctx: Context, master: ImageDetail, line: Placement) -> SettledLine:
    """Settle a copy that is available, also one that was settled before: its master may have changed since.

    Raises:
        CloudError: It is gone, or cannot be tagged.
    """
    done = settle_copy(ctx, master, line.region, line.ami_id)
    fresh = msgspec.structs.replace(line, settled=not done.troubles, error="; ".join(done.troubles))
    if fresh != line:
        records(ctx, Placement).put(placement_key(line.source, line.region), fresh)
    return SettledLine(fresh, done.put_back)


def look(ctx: Context, region: str, image: str) -> ImageProgress:
    """Ask how far an image is that is being made; one that is not answered now is put again later."""
    try:
        return ctx.account().images(region).progress(image)
    except CloudError as error:
        if not passing(error):
            raise
        return ImageProgress(image=image, state="pending")


def _ended(ctx: Context, line: Placement, state: ImageProgress) -> CloudError:
    """Write down that a copy has come to nothing, and remove what is left of it."""
    if state.state == "gone":
        message = f"the copy {line.ami_id} in {line.region} was removed by somebody while it was made"
    else:
        message = f"the copy to {line.region} failed: {state.reason or 'AWS does not say why'}"
        try:
            ctx.account().images(line.region).deregister(line.ami_id)
        except CloudError as error:
            ctx.emit(Notice(message=f"{line.ami_id} in {line.region} is still there: {error.message}", level="warning"))
    failed = msgspec.structs.replace(line, status="failed", error=message, settled=False)
    records(ctx, Placement).put(placement_key(line.source, line.region), failed)
    return CloudError(message, hint="the same command again makes a new attempt", details={"aws_code": "CopyFailed"})
