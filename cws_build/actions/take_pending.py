"""Ask a machine that was started from an image which updates its distribution offers by now, and remember that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.ask_machine import reason_of, script_of
from cws_build.actions.remember import records
from cws_build.actions.share_places import master_of
from cws_build.errors import StoreError
from cws_build.model.events import Notice
from cws_build.model.pending import Look, Pending, remembered

if TYPE_CHECKING:
    from cws_build.actions.await_within import Reached
    from cws_build.context import Context
    from cws_build.model.image import Ami

_SECONDS = 150.0
"""How long a look may take, mirrors that keep silent included; one that answers takes some seconds."""


def take_pending(ctx: Context, reached: Reached, ami: Ami) -> Pending | None:
    """Look which updates are pending on a machine that nobody has used yet, and keep that with its image.

    An image is as good without: what keeps it from being known is told, and None returned.

    Raises:
        Interrupted: The user has stopped the command.
    """
    look = _look(ctx, reached)
    if look.error:
        _tell(ctx, f"which updates are pending for {ami.id} is not known: {look.error}")
        return None
    try:
        found = _keep(ctx, ami, look)
    except StoreError as error:
        _tell(ctx, f"which updates are pending for {ami.id} cannot be kept: {error.message}")
        return None
    if look.unanswered:
        count = len(look.unanswered)
        silent = "a package source" if count == 1 else f"{count} package sources"
        _tell(ctx, f"more updates may be pending for {ami.id}: {silent} did not answer: {look.unanswered[0]}")
    return found


def pending_of(ctx: Context, ami: Ami) -> Pending | None:
    """Return what is known to be pending for an image, or for the image that it is a copy of; raises StoreError."""
    return records(ctx, Pending).get(master_of(ami)[0])


def _keep(ctx: Context, ami: Ami, look: Look) -> Pending | None:
    ident, kept = master_of(ami)[0], records(ctx, Pending)
    taken = ctx.clock().isoformat(timespec="seconds")
    others = [one for key, one in kept.all().items() if key != ident]
    return kept.change(ident, lambda before: remembered(look, taken, before, others))


def _look(ctx: Context, reached: Reached) -> Look:
    said = reached.run(ctx, script_of(ctx, "pending.py"), _SECONDS)
    if said.ended:
        return Look(error=f"the look did not end within {_SECONDS:.0f} s")
    try:
        return msgspec.json.decode(said.out, type=Look)
    except msgspec.DecodeError:
        return Look(error=reason_of(said))


def _tell(ctx: Context, message: str) -> None:
    hint = "the package sources of the image must be within reach of its machines"
    ctx.emit(Notice(message=message, level="warning", hint=hint))
