"""A plan as people read it before they launch: strategy, image, the chain of tiers, times and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.announce import nearer as nearer_copies
from cws_build.frontends.wording_launch import money, nearer, short, source, speed_up
from cws_build.model.keeping import why

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.model.estimate import Estimate
    from cws_build.model.launching import Comparison, CopyStep, LaunchPlan
    from cws_build.model.resolution import Attempt

_TIERS = {
    "direct_mapping": "Direct mapping",
    "dynamic_search": "Dynamic search",
    "marketplace": "Marketplace",
    "cross_region": "Cross-region copy",
    "fallback_script": "Script provisioning",
}
_MARKS = {"found": " ✅", "nothing": " ❌", "failed": " ⚠️ ", "not_needed": " (not needed)", "skipped": " (skipped)"}


def preview(plan: LaunchPlan) -> str:
    """Return the preview of a plan, which is what `launch` would execute."""
    return "\n".join(
        [
            "🔍 AMI Resolution Preview:",
            "",
            *_head(plan),
            "Fallback Chain:",
            *(line for place, one in enumerate(plan.resolution.attempts, 1) for line in _tier(one, place)),
            "",
            *_times(plan),
            *_costs(plan),
            *(f"Agree to: {one.question}" for one in plan.consents),
            *(f"⚠️  {warning}" for warning in (*plan.resolution.warnings, *plan.warnings, *_caution(plan))),
        ]
    )


def _caution(plan: LaunchPlan) -> tuple[str, ...]:
    """Return what to think of before a copy; the question says it itself."""
    step = plan.copy or plan.background_copy
    return (step.caution,) if step and step.caution and not plan.consents else ()


def _head(plan: LaunchPlan) -> Iterator[str]:
    resolution = plan.resolution
    yield f"Strategy: {resolution.strategy} (fallback {resolution.fallback})"
    if plan.start is None:
        yield f"Primary: none: {plan.reason}"
    elif plan.way == "script":
        yield f"Primary: script provisioning from {plan.start.id} ({plan.start.region}): {plan.reason}"
    else:
        yield f"Primary: {plan.start.id} ({plan.start.region}) ✅"
    held = plan.first_layer - 1
    if plan.start:
        yield f"Layers: {held} of {len(plan.recipe.layers)} in the image{_missing(plan)}"
        yield f"Machine: {', '.join(plan.instance_types)} in {resolution.region}, {plan.volume_gb} GB"


def _missing(plan: LaunchPlan) -> str:
    return f", to run: {', '.join(plan.missing_layers)}" if plan.missing_layers else ""


def _tier(attempt: Attempt, place: int) -> Iterator[str]:
    name = _TIERS.get(attempt.method, attempt.tier)
    reason = f": {attempt.reason}" if attempt.reason and attempt.outcome != "not_needed" else ""
    yield f"  {place}. {name}{_MARKS[attempt.outcome]}{reason}"
    for one in attempt.rejected:
        yield f"     ✗ {one.ami_id}: {one.reason}"


def _times(plan: LaunchPlan) -> Iterator[str]:
    compared = plan.comparison
    ways = {"ami": compared.ami, "hybrid": compared.hybrid, "script": compared.script, "copy": compared.copy}
    own = ways.get(plan.way)
    if own is None:
        return
    yield f"Estimated Launch Time: {_span(own)}"
    if plan.way != "script" and compared.script:
        yield f"Performance: {speed_up(own, compared.script)}"


def _span(estimate: Estimate) -> str:
    return f"{short(estimate.p50)} (p90 {short(estimate.p90)}, {source(estimate)})"


def _costs(plan: LaunchPlan) -> Iterator[str]:
    compared = plan.comparison
    yield f"Cost Comparison{_prices(compared)}:"
    free = "no charge" if compared.price_kind == "sandbox" else "price unknown"
    rate = free if compared.usd_hour is None else f"${compared.usd_hour:.4g}/hour"
    quick = compared.ami or compared.hybrid
    if quick:
        yield f"  AMI Launch: {rate} + {short(quick.p50)} setup{_setup(compared.setup_usd_ami)}"
    if compared.script:
        yield f"  Script Launch: {rate} + {short(compared.script.p50)} setup{_setup(compared.setup_usd_script)}"
        yield from _failures(compared)
    if plan.offer and compared.copy:
        yield f"  Copy, then AMI Launch: {rate} + {short(compared.copy.p50)}{_transfer(plan, plan.offer)}"
        if plan.keep and compared.price_kind != "sandbox":
            yield f"  Copy for later launches: {why(plan.keep)}"
    if compared.storage_usd_month is not None:
        yield f"  AMI Storage: at most {money(compared.storage_usd_month)}/month"
    if compared.value_of_time_usd_hour:
        yield f"  Waiting counts {money(compared.value_of_time_usd_hour)}/hour"


def _failures(compared: Comparison) -> Iterator[str]:
    fails = compared.script_fails
    if fails and fails.n:
        yield f"    {fails.failed} of {fails.n} such launches here failed; counted as one in {1 / fails.p:.0f}"


def _prices(compared: Comparison) -> str:
    if compared.usd_hour is None:
        return ""
    word = "live prices" if compared.price_kind == "live" else f"{compared.price_kind} prices"
    return f" ({word} of {compared.price_as_of[:10]}, {compared.instance_type})"


def _setup(usd: float | None) -> str:
    return "" if usd is None else f" ({money(usd)} setup cost)"


def _transfer(plan: LaunchPlan, offer: CopyStep) -> str:
    if plan.comparison.usd_hour is None:
        return ""
    most = "at most " if offer.upper_bound else ""
    others = nearer((one.source_region, one.usd) for one in nearer_copies(plan))
    return f" ({most}{money(offer.usd)} transfer from {offer.source_region}{'; ' if others else ''}{others})"
