"""Bring one image to several regions: all begun, then all awaited; one that fails takes no other with it.

The ledger (`cws_build.model.placement`) has a line for each region, written before each call, so that the same
command again goes on where it stopped, on whichever computer uses the same store.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from cws_build.actions.begin_copy import Begun, Errand, begin_copy
from cws_build.actions.copy_keys import other_key
from cws_build.actions.follow_copy import await_copy, settle_again
from cws_build.actions.image_detail import image_detail
from cws_build.actions.plan_copies import plan_copies
from cws_build.actions.remember import records
from cws_build.actions.together import together
from cws_build.errors import CloudError, ConsentError, CwsError, Interrupted
from cws_build.model.distribution import CopyPlan, DistributeRequest, Distribution, Leg, Place
from cws_build.model.events import Notice
from cws_build.model.image_events import CopyBegun, CopyEnded, DistributionFinished, DistributionStarted
from cws_build.model.placement import Placement, placement_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.ports.images import ImageDetail

_AT_MOST = 7 * 86400.0
"""Seconds; each region has its own deadline, this one only bounds the whole."""


def distribute(ctx: Context, request: DistributeRequest) -> Distribution:
    """Plan a distribution and carry it out.

    Raises:
        InputError: A region does not exist, or none is named.
        CloudError: The image is not there or not available.
        ConsentError: It costs something that nobody has agreed to.
        Interrupted: ``ctx.cancel`` was set; copies under way go on by themselves.
    """
    plan = plan_copies(ctx, request)
    require_consent(plan)
    return carry_out(ctx, plan)


def require_consent(plan: CopyPlan) -> None:
    """Raise ConsentError for a plan that costs something, or has a caution, and that nobody has agreed to."""
    if plan.request.agreed or not needs_consent(plan):
        return
    sum_of = "an unknown sum" if plan.usd is None else f"${plan.usd:.2f}"
    regions = ", ".join(leg.region for leg in plan.legs if leg.what == "copy")
    cautions = "".join(f"; {caution}" for caution in plan.cautions)
    raise ConsentError(
        f"copying {plan.master.id} to {regions} costs {sum_of}, and nobody has agreed to it{cautions}",
        hint="say --yes; --dry-run shows the plan",
        details={"about": "copy", "usd": plan.usd, "cautions": list(plan.cautions)},
    )


def needs_consent(plan: CopyPlan) -> bool:
    """Tell whether somebody has to agree before the plan is carried out."""
    return bool(plan.copies) and (plan.usd is None or plan.usd > 0 or bool(plan.cautions))


def carry_out(ctx: Context, plan: CopyPlan) -> Distribution:
    """Do what a plan says; whatever becomes of a region is a value.

    Raises:
        CloudError: The master is gone.
        Interrupted: ``ctx.cancel`` was set; copies under way go on by themselves.
    """
    master = image_detail(ctx, plan.master.region, plan.master.id)
    todo = tuple(leg.region for leg in plan.legs if leg.what in {"copy", "pending"})
    for caution in plan.cautions:
        ctx.emit(Notice(message=caution, level="warning"))
    if todo:
        longest = max((step.seconds for step in plan.copies), key=lambda one: one.p50, default=None)
        ctx.emit(
            DistributionStarted(
                image=master.ami.id,
                region=master.ami.region,
                regions=todo,
                usd=plan.usd,
                longest=longest,
                free=ctx.sandbox,
            )
        )
    job = _Job(ctx, plan, master)
    calls: dict[str, Callable[[], Place]] = {leg.region: functools.partial(job.place, leg) for leg in plan.legs}
    try:
        answers = together(calls, _AT_MOST, ctx.cancel)
    except Interrupted as error:
        raise _stopped(plan) from error
    if any(isinstance(answer, Interrupted) for answer in answers.values()):
        raise _stopped(plan)
    places = {region: _value(answer) for region, answer in answers.items()}
    regions = {master.ami.region: Place(ami_id=master.ami.id, status="available")} | places
    done = Distribution(ami_id=master.ami.id, name=master.ami.name, region=master.ami.region, regions=regions)
    if todo:
        _tell_end(ctx, done)
    return done


def errand_of(master: Ami, leg: Leg, verb: str) -> Errand:
    """Return the copy that a leg of a plan stands for."""
    assert leg.step is not None  # noqa: S101  a leg that is to be copied has one
    return Errand(master=master, step=leg.step, region=leg.region, kms_key=leg.kms_key, verb=verb)


class _Job(NamedTuple):
    """One distribution under way."""

    ctx: Context
    plan: CopyPlan
    master: ImageDetail

    def place(self, leg: Leg) -> Place:
        """Bring the image to one region."""
        if leg.what == "there":
            return self._there(leg)
        if leg.what == "refused":
            self._ended(leg.region, "", leg.reason)
            return Place(ami_id=leg.ami_id or None, status="failed", error=leg.reason, hint=leg.hint)
        try:
            return self._copied(leg)
        except Interrupted:
            raise
        except CwsError as error:
            self._ended(leg.region, "", error.message)
            code = str(error.details.get("aws_code", ""))
            return Place(ami_id=None, status="failed", error=error.message, aws_code=code, hint=error.hint)

    def _there(self, leg: Leg) -> Place:
        """Look whether a copy that is there is still as its master, which may have changed since."""
        line = records(self.ctx, Placement).get(placement_key(self.master.ami.id, leg.region)) if leg.copied else None
        if line is None or line.ami_id != leg.ami_id:
            return Place(ami_id=leg.ami_id, status="available")
        try:
            line, put_back = settle_again(self.ctx, self.master, line)
        except CwsError as error:
            said = f"it is there, but may differ from {self.master.ami.id}: {error.message}"
            return Place(
                ami_id=leg.ami_id, status="available", error=said, hint="the same command again looks once more"
            )
        return Place(ami_id=leg.ami_id, status="available", error=line.error, put_back=put_back)

    def _copied(self, leg: Leg) -> Place:
        ctx, errand = self.ctx, errand_of(self.master.ami, leg, self.plan.request.verb)
        begun = begin_copy(ctx, errand)
        if leg.what == "copy" and not begun.fresh:
            self._require_key(begun)  # somebody else was quicker
        self._tell_begun(begun, errand)
        if not self.plan.request.wait:
            return Place(ami_id=begun.line.ami_id, status="available" if begun.line.settled else "pending")
        line = await_copy(ctx, begun, errand.step.seconds.timeout)
        if line.status == "pending":
            said = f"still pending after {errand.step.seconds.timeout / 60:.0f} min, far longer than expected"
            self._ended(leg.region, line.ami_id, said)
            hint = "it goes on by itself; the same command again waits for it"
            return Place(ami_id=line.ami_id, status="pending", error=said, hint=hint)
        return self._settled(line, known=leg.copied)

    def _require_key(self, begun: Begun) -> None:
        """Raise CloudError for an image that has come to be there since the plan, under another key than was named."""
        found = self.ctx.account().images(begun.line.region).detail(begun.line.ami_id)
        other = other_key(self.ctx, self.plan.request, found.ami)
        if other:
            raise CloudError(other.reason, hint=other.hint)

    def _settled(self, line: Placement, *, known: bool) -> Place:
        put_back: tuple[str, ...] = ()
        try:
            if not line.settled:
                line, put_back = settle_again(self.ctx, self.master, line)
        except CwsError as error:
            self._ended(line.region, line.ami_id, error.message)
            said = f"it is there, but could not be finished: {error.message}"
            return Place(ami_id=line.ami_id, status="available", error=said, hint="the same command again finishes it")
        self._ended(line.region, line.ami_id, line.error, line.seconds or 0.0)
        told = put_back if known else ()  # of a new copy it is everything
        seconds = line.seconds
        return Place(ami_id=line.ami_id, status="available", error=line.error, seconds=seconds, put_back=told)

    def _tell_begun(self, begun: Begun, errand: Errand) -> None:
        line = begun.line
        estimate = errand.step.seconds if begun.fresh else None
        self.ctx.emit(CopyBegun(image=line.ami_id, region=line.region, source_region=line.given[1], estimate=estimate))

    def _ended(self, region: str, image: str, error: str, seconds: float = 0.0) -> None:
        self.ctx.emit(CopyEnded(image=image, region=region, error=error, seconds=seconds))


def _value(answer: Place | Exception) -> Place:
    if isinstance(answer, Place):
        return answer
    said = answer.message if isinstance(answer, CwsError) else repr(answer)
    return Place(ami_id=None, status="failed", error=said)


def _stopped(plan: CopyPlan) -> Interrupted:
    regions = ", ".join(leg.region for leg in plan.legs if leg.what in {"copy", "pending"})
    return Interrupted(
        f"stopped; copies to {regions} that were begun go on by themselves",
        hint="the same command again goes on where this one stopped",
    )


def _tell_end(ctx: Context, done: Distribution) -> None:
    pending = tuple(region for region, place in done.regions.items() if place.status == "pending" and not place.error)
    there = sum(place.status == "available" for place in done.regions.values())
    ctx.emit(DistributionFinished(failed=done.failed, pending=pending, there=there))
