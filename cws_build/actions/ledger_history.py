"""What the ledgers tell of durations: copies and images that were watched from begin to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.history import history
from cws_build.actions.remember import records
from cws_build.model.creation import Creation
from cws_build.model.measured import History, Measured
from cws_build.model.placement import Placement

if TYPE_CHECKING:
    from cws_build.context import Context


def with_ledger(ctx: Context) -> History:
    """Return the measurements of this account, those of the ledgers among them."""
    past = history(ctx)
    copies = [
        Measured(
            kind="copy",
            key=(line.given[1], line.region),
            seconds=line.seconds,
            at=line.finished or past.now,
            gb=line.gb,
        )
        for line in records(ctx, Placement).all().values()
        if line.seconds and line.gb
    ]
    made = [
        Measured(kind="create", key=(line.region,), seconds=line.seconds, at=line.finished or past.now, gb=line.gb)
        for line in records(ctx, Creation).all().values()
        if line.seconds and line.gb
    ]
    return msgspec.structs.replace(past, measured=(*past.measured, *copies, *made))
