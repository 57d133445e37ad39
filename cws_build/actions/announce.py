"""Tell what a plan comes to: how it compares with the script, and what it asks to be agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.model.events import Notice
from cws_build.model.keeping import why
from cws_build.model.launch_events import CopyOffered, LaunchCompared, ScriptRequested

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.estimate import Estimate
    from cws_build.model.launching import CopyStep, LaunchPlan


def announce(ctx: Context, plan: LaunchPlan) -> None:
    """Emit the events of a plan that was just made; what resolution found was told by the tiers already."""
    for warning in (*plan.resolution.warnings, *plan.warnings):
        ctx.emit(Notice(message=warning, level="warning"))
    compared = plan.comparison
    if plan.way in {"ami", "hybrid"} and compared.script:
        quick = estimate_of(plan)
        if quick:
            ctx.emit(LaunchCompared(estimate=quick, script=compared.script))
    if plan.way == "script" and plan.request.prefer_script:
        chosen = plan.resolution.chosen
        instead = chosen.ami.id if chosen else ""
        image = compared.ami or compared.hybrid
        ctx.emit(ScriptRequested(estimate=compared.script, instead_of=instead, image_estimate=image))
    if plan.offer and plan.keep and _spared(plan):
        message = f"{plan.offer.source.id} is not copied from {plan.offer.source_region}: {why(plan.keep)}"
        ctx.emit(Notice(message=message, hint="--copy copies it first"))
    if plan.offer and (plan.copy or plan.background_copy):
        ctx.emit(
            CopyOffered(
                gb=plan.offer.gb,
                usd=plan.offer.usd,
                seconds=plan.offer.seconds,
                copy_first=compared.copy,
                script=compared.script if plan.resolution.base else None,
                copy_better=plan.copy is not None,
                asked=bool(plan.consents),
                upper_bound=plan.offer.upper_bound,
                free=ctx.sandbox,
                source_region=plan.offer.source_region,
                nearer=tuple((one.source_region, one.usd) for one in nearer(plan)),
                earns=why(plan.keep) if plan.keep and not ctx.sandbox else "",
                caution=plan.offer.caution,
            )
        )


def _spared(plan: LaunchPlan) -> bool:
    """Tell whether the copy for later launches is left out because it would not earn its storage."""
    undecided = plan.request.copy is None and not plan.request.prefer_script
    too_few = plan.keep is not None and plan.keep.verdict == "drop"
    return undecided and too_few and plan.way == "script" and plan.resolution.strategy == "ami_preferred"


def nearer(plan: LaunchPlan) -> tuple[CopyStep, ...]:
    """Return the copies from regions nearer than the one that is taken for its price."""
    if plan.offer not in plan.offers:
        return ()
    return plan.offers[: plan.offers.index(plan.offer)]


def estimate_of(plan: LaunchPlan) -> Estimate | None:
    """Return how long a plan's own way takes until the environment answers."""
    compared = plan.comparison
    ways = {"ami": compared.ami, "hybrid": compared.hybrid, "script": compared.script, "copy": compared.copy}
    return ways.get(plan.way)
