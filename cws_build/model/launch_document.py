"""A plan and what came of it, as programs read them: the keys that docs/cli.md promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.model.keeping import why
from cws_build.model.resolution import COPY_METHOD, SCRIPT_METHOD

if TYPE_CHECKING:
    from cws_build.model.image import Ami
    from cws_build.model.launching import CopyStep, LaunchPlan, LaunchResult
    from cws_build.model.resolution import Attempt

_METHODS = {"script": SCRIPT_METHOD, "copy": COPY_METHOD, "failed": "failed"}


def plan_document(plan: LaunchPlan) -> dict[str, Any]:
    """Return what a launch will do: the keys of ``resolve``, and those of the machine to be started."""
    resolution, comparison = plan.resolution, plan.comparison
    return {
        "template": plan.recipe.template,
        "region": resolution.region,
        "architecture": plan.recipe.architecture,
        "strategy": resolution.strategy,
        "fallback_strategy": resolution.fallback,
        "method": _METHODS.get(plan.way, resolution.method),
        "way": plan.way,
        "reason": plan.reason,
        "ami": ami_document(plan.start) if plan.start and plan.way != "script" else None,
        "base_ami": plan.start.id if plan.start and plan.way == "script" else None,
        "missing_layers": plan.missing_layers,
        "attempts": [attempt_document(attempt) for attempt in resolution.attempts],
        "copy": copy_document(plan.copy),
        "background_copy": copy_document(plan.background_copy),
        "copy_offered": copy_document(plan.offer),
        "copy_sources": [copy_document(one) for one in plan.offers],
        "copy_earns": {"verdict": plan.keep.verdict, "reason": why(plan.keep)} if plan.keep else None,
        "estimates": {
            "ami": comparison.ami,
            "hybrid": comparison.hybrid,
            "script": comparison.script,
            "copy": comparison.copy,
        },
        "cost": {
            "instance_type": comparison.instance_type,
            "usd_hour": comparison.usd_hour,
            "price": comparison.price_kind,
            "as_of": comparison.price_as_of or None,
            "setup_usd_ami": comparison.setup_usd_ami,
            "setup_usd_script": comparison.setup_usd_script,
            "storage_usd_month": comparison.storage_usd_month,
            "value_of_time_usd_hour": comparison.value_of_time_usd_hour,
            "script_fails": comparison.script_fails,
        },
        "name": plan.request.name,
        "instance_types": plan.instance_types,
        "volume_gb": plan.volume_gb,
        "transport": plan.request.transport,
        "services": [{"name": name, "port": port} for name, port in plan.services],
        "consents": plan.consents,
        "fallback": plan.fallback,
        "warnings": (*resolution.warnings, *plan.warnings),
    }


def result_document(result: LaunchResult) -> dict[str, Any]:
    """Return what a launch has done: the plan's keys, and those of the machine."""
    machine = {
        "instance_id": result.instance_id,
        "name": result.name,
        "address": result.address,
        "instance_type": result.instance_type,
        "ami_id": result.ami_id,
        "ready_seconds": result.ready_seconds,
        "provisioned_layers": result.provisioned_layers,
        "services": result.services,
        "seconds": result.seconds,
        "fell_back": result.fell_back,
        "run": result.run,
    }
    return plan_document(result.plan) | machine


def ami_document(ami: Ami) -> dict[str, Any]:
    """Return an image as results state it."""
    return {
        "id": ami.id,
        "name": ami.name,
        "owner": ami.owner,
        "region": ami.region,
        "created": ami.created,
        "deprecated": ami.deprecated or None,
    }


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    """Return a tier's try as results state it."""
    return {
        "tier": attempt.tier,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "ami_id": attempt.ami_id,
        "seconds": attempt.seconds,
        "rejected": [{"ami_id": one.ami_id, "why": one.why, "reason": one.reason} for one in attempt.rejected],
    }


def copy_document(step: CopyStep | None) -> dict[str, Any] | None:
    """Return a copy as results state it; ``seconds`` is the median of its estimate, which stands beside it."""
    if step is None:
        return None
    return {
        "source_region": step.source_region,
        "ami_id": step.source.id,
        "gb": step.gb,
        "usd": step.usd,
        "seconds": step.seconds.p50,
        "estimate": step.seconds,
        "caution": step.caution or None,
    }
