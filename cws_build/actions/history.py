"""What was measured in the account of a command: its runs on this computer, and what ``calibrate`` has learnt."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from cws_build.actions.calibration_file import calibrated
from cws_build.model.measured import History, measured_from

if TYPE_CHECKING:
    from cws_build.context import Context


def history(ctx: Context) -> History:
    """Return the measurements of this account, the sandbox's or AWS's, which never mix. Asks no cloud."""
    account = "sandbox" if ctx.sandbox else "aws"
    ended = ((run.result, run.info.started) for run in ctx.runs.ended(account))
    own = measured_from(ended, sandbox=ctx.sandbox)
    return History(
        measured=(*own, *calibrated(ctx)),
        now=ctx.clock().isoformat(timespec="seconds"),
        sandbox=ctx.sandbox,
    )


def launch_ages(past: History, template: str, region: str) -> list[float]:
    """Return how many days ago a template was launched in a region, by image or by script."""
    now = datetime.fromisoformat(past.now)
    rows = [*past.of("launch"), *past.of("script")]
    times = [row.at for row in rows if (row.key[0], row.key[3]) == (template, region)]
    return [(now - datetime.fromisoformat(at)).total_seconds() / 86400 for at in times]
