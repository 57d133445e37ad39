"""Bake what the update plan says is due, one after the other, each within what may be spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.actions.bake import bake
from cws_build.actions.remember import records
from cws_build.actions.updates import UpdatesRequest, plan
from cws_build.errors import CwsError, Interrupted
from cws_build.model.baking import BakeRequest
from cws_build.model.events import Notice
from cws_build.model.freshness import Updated
from cws_build.model.updates import Decision, UpdatePlan

if TYPE_CHECKING:
    from cws_build.context import Context


class Updates(msgspec.Struct, frozen=True, kw_only=True):
    """What was baked, and what was not."""

    plan: UpdatePlan
    baked: tuple[dict[str, Any], ...]
    """``template``, ``architecture``, ``region``, ``ami_id``, ``run``, ``usd``, ``reasons``."""
    failed: tuple[dict[str, Any], ...]
    """``template``, ``architecture``, ``region``, ``code``, ``message``, ``hint``."""


def run_updates(ctx: Context, request: UpdatesRequest) -> Updates:
    """Bake what is due now; a bake that fails takes no other with it.

    Raises:
        InputError: As `cws_build.actions.updates.plan`.
        Interrupted: ``ctx.cancel`` was set.
    """
    decided = plan(ctx, request)
    baked: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for decision in decided.now(ctx.clock()):
        where = {
            "template": decision.template,
            "architecture": decision.architecture,
            "region": decision.region,
        }
        try:
            baked.append(where | _bake(ctx, decision))
        except Interrupted:
            raise
        except CwsError as error:
            ctx.emit(Notice(subject=decision.template, message=error.message, level="warning", hint=error.hint))
            failed.append(where | {"code": error.code, "message": error.message, "hint": error.hint})
    return Updates(plan=decided, baked=tuple(baked), failed=tuple(failed))


def _bake(ctx: Context, decision: Decision) -> dict[str, Any]:
    request = BakeRequest(
        template=decision.template,
        architecture=decision.architecture,
        region=decision.region,
        refresh=decision.refresh,
    )
    result = bake(ctx, request)
    done = Updated(
        template=decision.template,
        ami_id=result.ami_id,
        at=ctx.clock().isoformat(timespec="seconds"),
        reasons=tuple(f"{reason.kind}: {reason.detail}" for reason in decision.reasons),
        budget=decision.budget,
        usd=result.cost.build_usd,
    )
    if result.run:
        records(ctx, Updated).put(result.run, done)
    return {"ami_id": result.ami_id, "run": result.run, "usd": done.usd, "reasons": done.reasons}
