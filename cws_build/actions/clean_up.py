"""A clean-up carried out: what uses an image is asked once more right before it goes; all regions at once.

What a channel has begun to name since the plan was made is not deprecated either.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from cws_build.actions.deprecate_image import deprecate_image
from cws_build.actions.end_shares import forget_kept_shares
from cws_build.actions.known_uses import uses_of
from cws_build.actions.own_references import by_channels
from cws_build.actions.retire_image import retire_image
from cws_build.actions.together import together
from cws_build.errors import ConsentError, CwsError, Interrupted
from cws_build.model.cleaning import Cleaned
from cws_build.model.retire_events import ImageChanged, ImageSpared
from cws_build.model.retiring import Outcome, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.model.cleaning import CleanupLine, CleanupPlan

_AT_MOST = 4 * 3600.0
"""Seconds for all regions."""
_AT_ONCE = 10
"""DescribeImageReferences takes so many images."""


def require_consent(plan: CleanupPlan) -> None:
    """Raise ConsentError for a clean-up that removes or deprecates something, and to which nobody has agreed."""
    if plan.request.agreed or not (plan.going or plan.ageing):
        return
    said = [f"{len(plan.going)} images and snapshots would be removed"] if plan.going else []
    said += [f"{len(plan.ageing)} images would be deprecated"] if plan.ageing else []
    raise ConsentError(
        f"{' and '.join(said)}, and nobody has agreed to it",
        hint="say --yes; --dry-run lists each with its reason",
        details={
            "about": "cleanup",
            "usd_month": plan.usd_month,
            "going": [one.id for one in plan.going],
            "deprecating": [one.id for one in plan.ageing],
        },
    )


def clean_up(ctx: Context, plan: CleanupPlan) -> Cleaned:
    """Finish what was begun before, remove what a plan lets go, deprecate what it says; a failure is one line.

    Raises:
        ConsentError: Nobody has agreed.
        Interrupted: ``ctx.cancel`` was set; the same command again goes on.
    """
    require_consent(plan)
    regions = dict.fromkeys(one.region for one in plan.begun.values())
    regions |= dict.fromkeys(one.region for one in (*plan.going, *plan.ageing))
    works = {region: _Work(ctx, region) for region in regions}
    answers = together({name: functools.partial(work.run, plan) for name, work in works.items()}, _AT_MOST, ctx.cancel)
    for answer in answers.values():
        if isinstance(answer, Exception):
            raise answer
    forget_kept_shares(ctx, set(plan.request.regions or (ctx.account().region,)) - set(plan.errors))
    return Cleaned(
        plan=plan,
        images=tuple(one for work in works.values() for one in work.done),
        spared={ident: why for work in works.values() for ident, why in work.spared.items()},
        deprecated=tuple(one for work in works.values() for one in work.aged),
    )


class _Work:
    """What is done in one region, one image after the other.

    Args:
        ctx: The context.
        region: Where.
    """

    def __init__(self, ctx: Context, region: str) -> None:
        self._ctx, self._region = ctx, region
        self.done: list[Outcome] = []
        self.aged: list[Outcome] = []
        self.spared: dict[str, str] = {}

    def run(self, plan: CleanupPlan) -> None:
        for ident, line in plan.begun.items():
            if line.region == self._region:
                subject = Subject(
                    ami_id=ident, region=line.region, name=line.name, state="gone", snapshots=line.snapshots
                )
                self._remove(subject, line.reason)
        mine = [one for one in plan.going if one.region == self._region]
        images = [one for one in mine if one.kind == "image"]
        for start in range(0, len(images), _AT_ONCE):
            self._images(images[start : start + _AT_ONCE])
        for one in mine:
            if one.kind == "snapshot":
                self._snapshot(one)
        self._age([one for one in plan.ageing if one.region == self._region])

    def _images(self, lines: Sequence[CleanupLine]) -> None:
        try:
            # What has failed, or was never finished, nothing can use.
            asked = [one.id for one in lines if one.rule not in {"failed", "unfinished"}]
            uses = uses_of(self._ctx, self._region, asked) if asked else {}
        except CwsError as error:
            said = f"nobody could be asked what uses it: {error.message}"
            self.done += [Outcome(ami_id=one.id, region=one.region, status="failed", error=said) for one in lines]
            return
        for one in lines:
            if one.id in uses:
                self._spare(one.id, uses[one.id])
                continue
            subject = Subject(
                ami_id=one.id,
                region=one.region,
                name=one.name,
                state="available",
                snapshots=one.snapshots,
                shared=one.id not in asked,
            )
            self._remove(subject, f"{one.rule}: {one.reason}")

    def _remove(self, subject: Subject, reason: str) -> None:
        self._stop_if_told()
        try:
            outcome = retire_image(self._ctx, subject, reason)
        except CwsError as error:
            outcome = Outcome(
                ami_id=subject.ami_id, region=self._region, status="failed", error=error.message, hint=error.hint
            )
        self._tell(outcome)

    def _snapshot(self, line: CleanupLine) -> None:
        self._stop_if_told()
        error = ""
        try:
            self._ctx.account().images(self._region).delete_snapshot(line.id)
        except CwsError as refused:
            error = refused.message
        self._tell(Outcome(ami_id=line.id, region=self._region, status="failed" if error else "done", error=error))

    def _age(self, lines: Sequence[CleanupLine]) -> None:
        channels = by_channels(self._ctx, self._region) if lines else {}
        for one in lines:
            self._stop_if_told()
            if named := channels.get(one.id):
                self._spare(one.id, f"channel {named[0].id} {named[0].detail}")
                continue
            try:
                notes = (f"from {deprecate_image(self._ctx, self._region, one.id)} on",)
                outcome = Outcome(ami_id=one.id, region=self._region, status="done", notes=notes)
            except CwsError as error:
                outcome = Outcome(
                    ami_id=one.id, region=self._region, status="failed", error=error.message, hint=error.hint
                )
            self._tell(outcome, "deprecated")

    def _spare(self, ident: str, why: str) -> None:
        self.spared[ident] = why
        self._ctx.emit(ImageSpared(image=ident, region=self._region, reason=why))

    def _tell(self, outcome: Outcome, what: str = "removed") -> None:
        (self.done if what == "removed" else self.aged).append(outcome)
        self._ctx.emit(
            ImageChanged(
                image=outcome.ami_id,
                region=outcome.region,
                what=what,
                error=outcome.error,
                snapshots=len(outcome.snapshots),
                notes=outcome.notes,
            )
        )

    def _stop_if_told(self) -> None:
        if self._ctx.cancel.is_set():
            raise Interrupted("stopped; the same command again goes on")
