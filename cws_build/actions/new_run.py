"""A run's own words about itself, written down before it touches anything."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from cws_build.ports import RunInfo

if TYPE_CHECKING:
    from cws_build.context import Context


def new_run(ctx: Context, verb: str, subject: str, region: str) -> RunInfo:
    """Return a new run, with an id of its own, and the lease after which its resources count as abandoned.

    Args:
        ctx: The context.
        verb: The word of the command line.
        subject: What the run works on.
        region: Where.
    """
    now = ctx.clock()
    return RunInfo(
        id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        verb=verb,
        subject=subject,
        account=ctx.account().name,
        region=region,
        started=now.isoformat(timespec="seconds"),
        expires=(now + timedelta(minutes=ctx.settings.bake.lease_minutes)).isoformat(timespec="seconds"),
    )
