"""Learn how long images take to be made and copied, from the account's own snapshots; nothing is changed there."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.calibration_file import keep_calibration
from cws_build.model.measured import Measured
from cws_build.model.scoring import Score, predictions_from, score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cws_build.context import Context
    from cws_build.ports.history import AccountHistory, PastSnapshot

_GIB = 2**30
# EC2 writes these descriptions itself.
_CREATED = re.compile(r"Created by CreateImage\(")
_COPIED = re.compile(r"Copied for DestinationAmi (ami-[0-9a-f]+) from SourceAmi")


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt."""

    regions: tuple[str, ...]
    snapshots: int
    """Looked at."""
    created: int
    """Usable durations of CreateImage."""
    copied: int
    """Usable durations of CopyImage."""
    score: Score | None
    """How good the estimates of this computer's own runs were; None before the first one."""
    file: str


def calibrate(ctx: Context, open_region: Callable[[str], AccountHistory], regions: Sequence[str]) -> Calibrated:
    """Read the past of some regions, and let the estimates of images and copies learn from it.

    Raises:
        CloudError: A region cannot be asked; what was learnt before stays.
        InputError: A region does not exist.
    """
    seen = 0
    learnt: list[Measured] = []
    for region in regions:
        past = open_region(region)
        snapshots = past.snapshots()
        seen += len(snapshots)
        sources = past.sources() if any(_COPIED.match(one.description) for one in snapshots) else {}
        learnt += [found for one in snapshots for found in _durations(one, sources)]
    path = keep_calibration(ctx, learnt)
    return Calibrated(
        regions=tuple(regions),
        snapshots=seen,
        created=sum(one.kind == "create" for one in learnt),
        copied=sum(one.kind == "copy" for one in learnt),
        score=own_score(ctx),
        file=str(path),
    )


def own_score(ctx: Context) -> Score | None:
    """Judge the estimates of this account's runs on this computer; None before the first one."""
    account = "sandbox" if ctx.sandbox else "aws"
    return score(predictions_from(run.result for run in ctx.runs.ended(account)))


def _durations(snapshot: PastSnapshot, sources: dict[str, str]) -> Iterator[Measured]:
    """Yield what a snapshot teaches: at most one duration, and none where something is missing."""
    if not snapshot.completed or not snapshot.full_bytes or snapshot.time_based:
        return
    copied = _COPIED.match(snapshot.description)
    source = sources.get(copied.group(1), "") if copied else ""
    if not (_CREATED.match(snapshot.description) or source):
        return
    took = datetime.fromisoformat(snapshot.completed) - datetime.fromisoformat(snapshot.started)
    if took.total_seconds() > 0:
        yield Measured(
            kind="copy" if source else "create",
            key=(source, snapshot.region) if source else (),
            seconds=took.total_seconds(),
            at=snapshot.started,
            gb=snapshot.full_bytes / _GIB,
            calibrated=True,
        )
