"""See an image of a machine through: its snapshots begun, then the image available."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.follow_copy import look
from cws_build.actions.known_image import drop_failed, image_called
from cws_build.actions.remember import records
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, Interrupted, ResourceNotFound
from cws_build.model.creation import Creation, creation_key
from cws_build.model.distribution import Place
from cws_build.model.image import ImageQuery
from cws_build.model.image_events import ImageMade, ImageProgressed

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports.images import ImageProgress

_SNAPSHOT_MINUTES = 5.0
_LONGEST_PAUSE = 5.0


def await_snapshots(ctx: Context, line: Creation) -> None:
    """Wait until EC2 takes the disks, from when on the machine may change them: a snapshot is of one moment.

    It takes seconds, so that Ctrl-C waits for it too: a machine that ran again too early would spoil its image.

    Raises:
        CloudError: The image has failed, or is gone.
    """
    wait = Wait(dataclasses.replace(ctx, cancel=threading.Event()), minutes=_SNAPSHOT_MINUTES)
    while (state := look(ctx, line.region, line.ami_id)).state == "pending" and state.percent is None:
        if not wait.pause():
            return  # EC2 does not tell, and has begun long ago
    if state.state in {"failed", "gone"}:
        raise _ended(ctx, line, state)


def await_image(ctx: Context, line: Creation, timeout: float, *, fresh: bool) -> Place:
    """Wait until an image is available, and finish it.

    Args:
        ctx: The context.
        line: Its line.
        timeout: Seconds after which it is given up on for now; it goes on by itself.
        fresh: This process has begun it, so that its time can be learnt from.

    Raises:
        CloudError: It has failed, or is gone.
        Interrupted: ``ctx.cancel`` was set; it goes on by itself.
    """
    began = time.monotonic()
    wait = Wait(ctx, minutes=timeout / 60, longest=_LONGEST_PAUSE)
    while (state := look(ctx, line.region, line.ami_id)).state == "pending":
        told = ImageProgressed(image=line.ami_id, name=line.name, percent=state.percent, seconds=wait.seconds)
        ctx.emit(told)
        if not _paused(line, wait):
            return Place(
                ami_id=line.ami_id,
                status="pending",
                error=f"still pending after {wait.seconds / 60:.0f} min, far longer than expected",
                hint="it goes on by itself; the same command again waits for it",
            )
    if state.state in {"failed", "gone"}:
        raise _ended(ctx, line, state)
    spent = time.monotonic() - began
    finish_creation(ctx, line, spent if fresh else None)
    ctx.emit(ImageMade(image=line.ami_id, region=line.region, seconds=spent))
    return Place(ami_id=line.ami_id, status="available", seconds=spent)


def finish_creation(ctx: Context, line: Creation, seconds: float | None = None) -> None:
    """Close the old metadata protocol on an image that is available, and its line; raises CloudError."""
    cloud = ctx.account().cloud(line.region)
    for ami in cloud.images(ImageQuery(ids=(line.ami_id,), states=())):
        if ami.imds != "v2.0":
            cloud.demand_imdsv2(ami.id)
    ctx.lookup(line.region).forget()
    now = ctx.clock().isoformat(timespec="seconds")
    _change(ctx, line, status="available", finished=now, seconds=seconds, error="")


def _paused(line: Creation, wait: Wait) -> bool:
    try:
        return wait.pause()
    except Interrupted as error:
        raise Interrupted(
            f"stopped; {line.ami_id} goes on by itself, and the machine runs",
            hint="the same command again waits for it",
            details={"ami_id": line.ami_id},
        ) from error


def _ended(ctx: Context, line: Creation, state: ImageProgress) -> CloudError:
    """Write down that an image has come to nothing, and remove what is left of it."""
    hint = "the same command again makes a new attempt"
    if state.state == "gone":
        message = f"{line.ami_id} was removed by somebody while it was made"
        _change(ctx, line, status="failed", error=message, ami_id="")
        return ResourceNotFound(message, hint=hint, details={"aws_code": "InvalidAMIID.NotFound"})
    left = image_called(ctx, line.region, line.name)
    if left:
        drop_failed(ctx, left)
    message = f"the image {line.name} failed: {state.reason or 'AWS does not say why'}"
    _change(ctx, line, status="failed", error=message, ami_id="")
    return CloudError(message, hint=hint, details={"aws_code": "ImageFailed"})


def _change(ctx: Context, line: Creation, **fields: object) -> None:
    key = creation_key(line.region, line.name)
    records(ctx, Creation).change(key, lambda old: msgspec.structs.replace(old or line, **fields))
