"""From what is known of a launch to what it does: the plan with its way, and again after each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.model.launching import Consent, LaunchPlan
from cws_build.model.resolution import SCRIPT_METHOD
from cws_build.model.strategy import Agreement, Decision, Found, Situation, decide

if TYPE_CHECKING:
    from cws_build.model.image import Ami
    from cws_build.model.launching import Comparison, CopyStep
    from cws_build.model.resolution import Resolution

_ASKED = {"found", "nothing", "failed"}


def settle(plan: LaunchPlan) -> LaunchPlan:
    """Return the plan with the way that follows from its request, its resolution and its comparison.

    Raises:
        InputError: The request contradicts itself, or the template.
    """
    decision = decide(situation(plan))
    start, layers = _start(plan, decision)
    copies = decision.way == "copy"
    return msgspec.structs.replace(
        plan,
        way=decision.way,
        reason=decision.reason,
        start=start,
        first_layer=layers + 1,
        copy=plan.offer if copies else None,
        background_copy=plan.offer if decision.background_copy else None,
        consents=tuple(_consent(plan, about, copies=copies) for about in decision.consents),
        fallback=decision.fallback,
    )


def agreed(plan: LaunchPlan) -> LaunchPlan:
    """Return the plan after a yes to everything that it asks for."""
    return msgspec.structs.replace(plan, consents=())


def refused(plan: LaunchPlan, about: Agreement) -> LaunchPlan:
    """Return the plan after a no: without the copy, or with the image instead of the script."""
    answer = {"copy": False} if about == "copy" else {"prefer_script": False}
    return settle(msgspec.structs.replace(plan, request=msgspec.structs.replace(plan.request, **answer)))


def situation(plan: LaunchPlan) -> Situation:
    """Return what the decision on a plan depends on."""
    resolution = plan.resolution
    return Situation(
        strategy=resolution.strategy,
        fallback=resolution.fallback,
        found=found(resolution),
        elsewhere=plan.offer is not None,
        base=resolution.base is not None or not base_was_asked(resolution),
        prefer_script=plan.request.prefer_script,
        copy=plan.request.copy,
        hybrid_quicker=_hybrid_quicker(plan.comparison),
        copy_better=plan.copy_better,
        copy_earns=plan.keep is None or plan.keep.verdict != "drop",
    )


def found(resolution: Resolution) -> Found:
    """Return how much of an image there is in the region."""
    if resolution.chosen is None or not (resolution.chosen.layers or resolution.complete):
        return "none"
    return "full" if resolution.complete else "partial"


def base_was_asked(resolution: Resolution) -> bool:
    """Tell whether the tier of the base image was asked."""
    return any(attempt.method == SCRIPT_METHOD and attempt.outcome in _ASKED for attempt in resolution.attempts)


def _start(plan: LaunchPlan, decision: Decision) -> tuple[Ami | None, int]:
    """Return the image to start from, and how many layers it holds."""
    resolution = plan.resolution
    if decision.way == "script":
        return resolution.base, 0
    if decision.way == "copy" and plan.offer:
        return plan.offer.source, resolution.total_layers
    chosen = resolution.chosen
    if chosen is None or decision.way == "failed":
        return None, 0
    return chosen.ami, chosen.layers


def _hybrid_quicker(comparison: Comparison) -> bool:
    if comparison.hybrid is None or comparison.script is None:
        return True
    return comparison.hybrid.p50 <= comparison.script.p50


def _consent(plan: LaunchPlan, about: Agreement, *, copies: bool) -> Consent:
    if about == "script":
        script = plan.comparison.script
        question = "Continue with script provisioning?"
        return Consent(about="script", question=question, seconds=script.p50 if script else None)
    return _copy_consent(plan.offer, copies=copies)


def _copy_consent(offer: CopyStep | None, *, copies: bool) -> Consent:
    what = "Copy the image, then launch?" if copies else "Launch by script, and copy the image in the background?"
    if offer is None:
        return Consent(about="copy", question=what)
    asked = f"{what} Mind that {offer.caution}." if offer.caution else what
    return Consent(about="copy", question=asked, usd=offer.usd, seconds=offer.seconds.p50)
