"""From a template to an image: reuse it, or build what is missing on top of the longest prefix that exists."""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from cws_build.actions.build_image import Build, build_image
from cws_build.actions.builder_access import AlreadyBakingError
from cws_build.actions.plan_bake import compile_for, plan_bake
from cws_build.actions.reap import reap_run, sweep
from cws_build.errors import CwsError, Interrupted
from cws_build.model.baking import BakePlan, BakeResult, LayerTime
from cws_build.model.events import Notice, StepFinished
from cws_build.ports import RunInfo

if TYPE_CHECKING:
    from cws_build.actions.compile import Compiled
    from cws_build.context import Context
    from cws_build.model.baking import BakeRequest

_NAME = 128
"""EC2's limit for the name of an image, in characters."""
_POLL_SECONDS = 10.0
"""Between two looks for the image that another machine is baking."""


def bake(ctx: Context, request: BakeRequest) -> BakeResult:
    """Return an image of a template, baking it if there is none.

    Raises:
        InputError: The template or the parameters are wrong.
        NoAmiError: There is no base image.
        CloudError: The account refused or failed.
        ToolMissing: Packer or Ansible is not there.
        BakeFailed: A layer failed; the message names it.
        Interrupted: ``ctx.cancel`` was set; nothing is left running.
    """
    began = time.monotonic()
    compiled = compile_for(ctx, request)
    plan = plan_bake(ctx, compiled, request)
    if plan.reused:
        return _reused(plan, time.monotonic() - began)
    with ctx.runs.lock(_lock_name(ctx, plan), lambda: _say_waiting(ctx, plan), ctx.cancel):
        while True:
            # Whoever held the lock may just have made it.
            plan = plan_bake(ctx, compiled, request)
            if plan.reused:
                return _reused(plan, time.monotonic() - began)
            _reap_forerunners(ctx, plan)
            try:
                return _run(ctx, compiled, plan, request)
            except AlreadyBakingError as error:
                _wait_for_other_machine(ctx, plan, error)


def _run(ctx: Context, compiled: Compiled, plan: BakePlan, request: BakeRequest) -> BakeResult:
    checkpoint = ctx.settings.bake.checkpoint
    with ctx.runs.begin(_info(ctx, plan)) as run:
        for warning in plan.warnings:
            ctx.emit(Notice(run=run.info.id, subject=run.info.subject, message=warning, level="warning"))
        build = Build(
            compiled=compiled,
            plan=plan,
            run=run,
            keep=request.keep_on_failure,
            checkpoint=ctx.sandbox if checkpoint is None else checkpoint,
        )
        try:
            result = build_image(ctx, build)
        except CwsError as error:
            sweep(ctx, run)
            run.finish(error.code)
            raise
        run.finish("done", result)
        return result


def _wait_for_other_machine(ctx: Context, plan: BakePlan, error: AlreadyBakingError) -> None:
    ctx.emit(Notice(subject=f"{plan.recipe.template} {plan.recipe.architecture}", message=error.message))
    if ctx.cancel.wait(_POLL_SECONDS):
        raise Interrupted("stopped while another machine bakes the same recipe")


def _info(ctx: Context, plan: BakePlan) -> RunInfo:
    recipe, now = plan.recipe, ctx.clock()
    ident = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    return RunInfo(
        id=ident,
        verb="bake",
        subject=f"{recipe.template} {recipe.architecture}",
        account=ctx.account().name,
        region=plan.region,
        digest=recipe.digest,
        image_name=_image_name(
            f"cws/{recipe.template}/{recipe.version}/{recipe.architecture}/{recipe.digest[:8]}/{ident}"
        ),
        started=now.isoformat(timespec="seconds"),
        expires=(now + timedelta(minutes=ctx.settings.bake.lease_minutes)).isoformat(timespec="seconds"),
    )


def _image_name(text: str) -> str:
    """Return a name of 3 to 128 characters of those that EC2 allows in image names."""
    allowed = "".join(c if c.isascii() and (c.isalnum() or c in "()[] ./-'@_") else "-" for c in text)
    # The end tells images of one template apart, so a long template name gives way.
    return allowed if len(allowed) <= _NAME else f"{allowed[: _NAME - 72]}..{allowed[-70:]}"


def _reused(plan: BakePlan, seconds: float) -> BakeResult:
    ami = plan.reused
    assert ami is not None  # noqa: S101  the caller has just asked
    layers = plan.recipe.layers
    return BakeResult(
        template=plan.recipe.template,
        version=plan.recipe.version,
        architecture=plan.recipe.architecture,
        region=plan.region,
        ami_id=ami.id,
        name=ami.name,
        digest=plan.recipe.digest,
        reused=True,
        started_from={"kind": "prefix", "ami_id": ami.id, "layers": len(layers)},
        layers=tuple(LayerTime(layer.name, layer.digest, None) for layer in layers),
        seconds=seconds,
        regions={plan.region: {"ami_id": ami.id, "status": "available"}},
        cost={"build_usd": 0.0, "storage_usd_month": plan.storage_usd_month},
        packer_version=None,
    )


def _lock_name(ctx: Context, plan: BakePlan) -> str:
    where = repr((ctx.account().name, ctx.settings.profile, plan.region, plan.recipe.digest))
    return hashlib.sha256(where.encode()).hexdigest()[:32]


def _say_waiting(ctx: Context, plan: BakePlan) -> None:
    message = f"another bake of {plan.recipe.template} {plan.recipe.architecture} is running; waiting for its image"
    ctx.emit(Notice(message=message, subject=f"{plan.recipe.template} {plan.recipe.architecture}"))


def _reap_forerunners(ctx: Context, plan: BakePlan) -> None:
    """Remove what a crashed bake of the same recipe left behind: its key pair would stand in the way."""
    account = ctx.account().name
    for past in ctx.runs.past():
        same = past.info.digest == plan.recipe.digest and past.info.account == account
        if same and past.info.region == plan.region and not (past.alive or past.finished):
            removed = reap_run(ctx, past)
            ctx.emit(StepFinished(title=f"removed what the crashed run {past.info.id} left", outcome=str(len(removed))))
