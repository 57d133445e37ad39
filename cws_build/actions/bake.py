"""From a template to an image: reuse it, or build what is missing on top of the longest prefix that exists."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.builder_access import AlreadyBakingError
from cws_build.actions.new_run import new_run
from cws_build.actions.plan_bake import compile_for, plan_bake
from cws_build.actions.reap import reap_run, sweep
from cws_build.errors import CwsError, Interrupted, ToolError
from cws_build.model.baking import BakePlan, BakeResult, LayerTime
from cws_build.model.events import Notice, StepFinished
from cws_build.model.image_tags import image_name
from cws_build.model.measured import cut_bake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.actions.compile import Compiled
    from cws_build.context import Context
    from cws_build.model.baking import BakeRequest
    from cws_build.ports import Run, RunInfo

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
    # The lock comes first: whoever had it may just have made the image, so nobody need look before and again within.
    with ctx.runs.lock(_lock_name(ctx, compiled, request), lambda: _say_waiting(ctx, compiled), ctx.cancel):
        while True:
            plan = plan_bake(ctx, compiled, request, lambda: ctx.packer().prepare())
            if plan.reused:
                return _reused(plan, time.monotonic() - began)
            _reap_forerunners(ctx, plan)
            try:
                return _run(ctx, compiled, plan, request)
            except AlreadyBakingError as error:
                _wait_for_other_machine(ctx, plan, error)


def _run(ctx: Context, compiled: Compiled, plan: BakePlan, request: BakeRequest) -> BakeResult:
    # Rendering and Packer are of no use to the bake that finds its image, which should not wait for them.
    from cws_build.actions.build_image import Build, build_image

    checkpoint, began = ctx.settings.bake.checkpoint, time.monotonic()
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
            with _as_tool_error(run):
                result = build_image(ctx, build)
        except BaseException as error:
            # Whatever it was, also a second Ctrl-C: nothing is to be left.
            sweep(ctx, run)
            with suppress(ToolError):  # a disk that is full is known by now, and reap closes the run
                held, seconds = plan.start.layers if plan.start else 0, time.monotonic() - began
                cut = cut_bake(run.info.id, plan.recipe.digest, held, seconds)
                run.finish(error.code if isinstance(error, CwsError) else "failed", cut)
            raise
        _finish(ctx, run, result)
        return result


@contextmanager
def _as_tool_error(run: Run) -> Iterator[None]:
    """Say where the operating system refused something, such as a run's folder on a full disk."""
    try:
        yield
    except BrokenPipeError:  # whoever listens to us has left, and no disk is to blame
        raise
    except OSError as error:
        raise ToolError(
            f"{error.filename or run.folder}: {error.strerror or error}",
            hint="df -h shows how full the disk is; CWS_BUILD_STATE names another place for runs",
        ) from error


def _finish(ctx: Context, run: Run, result: BakeResult) -> None:
    """Close a run that went well: its image is there, whatever becomes of the record."""
    try:
        with _as_tool_error(run):
            run.finish("done", result)
    except ToolError as error:
        info = run.info
        ctx.emit(Notice(run=info.id, subject=info.subject, message=error.message, level="warning", hint=error.hint))


def _wait_for_other_machine(ctx: Context, plan: BakePlan, error: AlreadyBakingError) -> None:
    ctx.emit(Notice(subject=f"{plan.recipe.template} {plan.recipe.architecture}", message=error.message))
    if ctx.cancel.wait(_POLL_SECONDS):
        raise Interrupted("stopped while another machine bakes the same recipe")


def _info(ctx: Context, plan: BakePlan) -> RunInfo:
    recipe = plan.recipe
    run = new_run(ctx, "bake", f"{recipe.template} {recipe.architecture}", plan.region)
    name = image_name(f"cws/{recipe.template}/{recipe.version}/{recipe.architecture}/{recipe.digest[:8]}/{run.id}")
    return msgspec.structs.replace(run, digest=recipe.digest, image_name=name)


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
        cost=plan.cost(0.0),
        packer_version=None,
    )


def _lock_name(ctx: Context, compiled: Compiled, request: BakeRequest) -> str:
    """Name the lock of a recipe in a region; a refresh has its own, as nobody else need wait for it.

    Where both have to bake, the key pair's name keeps them apart, as it does for two machines.
    """
    account, digest = ctx.account(), compiled.recipe.digest
    where = repr((account.name, ctx.settings.profile, request.region or account.region, digest, request.refresh))
    return hashlib.sha256(where.encode()).hexdigest()[:32]


def _say_waiting(ctx: Context, compiled: Compiled) -> None:
    subject = f"{compiled.recipe.template} {compiled.recipe.architecture}"
    ctx.emit(Notice(message=f"another bake of {subject} is running; waiting for its image", subject=subject))


def _reap_forerunners(ctx: Context, plan: BakePlan) -> None:
    """Remove what a crashed bake of the same recipe left behind: its key pair would stand in the way."""
    account = ctx.account().name
    for past in ctx.runs.past(unfinished=True):
        same = past.info.digest == plan.recipe.digest and past.info.account == account
        if same and past.info.region == plan.region and not past.alive:
            removed = reap_run(ctx, past)
            ctx.emit(StepFinished(title=f"removed what the crashed run {past.info.id} left", outcome=str(len(removed))))
