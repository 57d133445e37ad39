"""Execute a plan: from the machine's start to services that answer, by another way where one fails, or not at all."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.compare_ways import subject_of
from cws_build.actions.compile import compile_template
from cws_build.actions.launch_once import Trial, launch_once
from cws_build.actions.machine_access import forget_key
from cws_build.actions.new_run import new_run
from cws_build.actions.next_way import next_way
from cws_build.actions.reap import sweep
from cws_build.errors import CloudError, ConsentError, CwsError, InputError, NoAmiError, ToolError
from cws_build.model.events import Notice
from cws_build.model.image import EXPIRES_TAG
from cws_build.model.launch_document import plan_document
from cws_build.model.launch_events import FellBack
from cws_build.model.masking import masked
from cws_build.model.measured import cut_launch

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.launching import LaunchPlan, LaunchResult
    from cws_build.ports import Run, RunInfo

_MOST_WAYS = 4
"""However many images vanish or fail under our hands, a launch ends some day."""


def launch(ctx: Context, plan: LaunchPlan) -> LaunchResult:
    """Do what a plan says. What fails leaves nothing behind, unless the request keeps it for a look.

    Raises:
        NoAmiError: The plan found no way.
        ConsentError: The plan asks for a consent that nobody gave.
        InputError: The name is being launched by somebody else.
        CloudError: The account refused or failed, and no other way was left.
        ProvisionFailed: A layer failed; the message names it.
        Interrupted: ``ctx.cancel`` was set; nothing is left running.
    """
    began = time.monotonic()
    require_a_way(plan)
    require_consent(plan)
    with (
        ctx.runs.lock(_lock_name(ctx, plan), lambda: _refuse_twin(plan), ctx.cancel),
        ctx.runs.begin(_info(ctx, plan)) as run,
    ):
        known = _secrets(ctx, plan)
        try:
            result = _by_any_way(ctx, Trial(plan=plan, run=run, began=began, secrets=known))
        except BaseException as error:
            if _clean_up(ctx, plan, run):
                _forget_workspace(run, known)
            with suppress(ToolError):  # a disk that is full is known by now, and reap closes the run
                code = error.code if isinstance(error, CwsError) else "failed"
                spent, failed = time.monotonic() - began, "" if ctx.cancel.is_set() else code
                run.finish(code, cut_launch(run.info.id, plan.way, subject_of(plan), spent, failed))
            raise
        _forget_workspace(run, known)
        _record(ctx, run, result, known)
        return result


def require_a_way(plan: LaunchPlan) -> None:
    """Raise NoAmiError for a plan that found no way, with every tier's answer."""
    if plan.way != "failed":
        return
    tiers = "; ".join(f"{one.tier}: {one.reason or one.outcome}" for one in plan.resolution.attempts)
    raise NoAmiError(
        f"{plan.recipe.template} cannot be launched in {plan.resolution.region}: {plan.reason} ({tiers})",
        hint=f"cws-build bake {plan.recipe.template} makes an image; --strategy ami_preferred allows the script",
        details=msgspec.to_builtins(plan_document(plan)),
    )


def require_consent(plan: LaunchPlan) -> None:
    """Raise ConsentError for a plan that asks for something nobody has agreed to, with what it would cost."""
    if not plan.consents:
        return
    wanted = plan.consents[0]
    takes = f"{wanted.seconds:.0f} s" if wanted.seconds is not None else "an unknown time"
    if wanted.about == "copy":
        about, flags = "copying the image from another region", "--copy, --no-copy (launches by script), or --yes"
        cost = {None: "an unknown sum", 0.0: "nothing"}.get(wanted.usd, f"${wanted.usd or 0:.2f}")
        takes = f"{takes} and costs {cost}"
    else:
        about, flags = "script provisioning although an image is there", "--yes, or leave --prefer-script away"
    raise ConsentError(
        f"{about} takes {takes}, and nobody has agreed to it",
        hint=f"say {flags}",
        details={"about": wanted.about, "usd": wanted.usd, "seconds": wanted.seconds},
    )


def _by_any_way(ctx: Context, trial: Trial) -> LaunchResult:
    """Launch as planned, and by the next way where one fails."""
    for _ in range(_MOST_WAYS - 1):
        try:
            return launch_once(ctx, trial)
        except CwsError as error:
            plan = next_way(ctx, trial.plan, error)
            if plan is None:
                raise
            ctx.emit(FellBack(run=trial.run.info.id, reason=error.message, way=plan.way))
            sweep(ctx, trial.run)
            trial = msgspec.structs.replace(trial, plan=plan, fell_back=error.message)
    return launch_once(ctx, trial)


def _clean_up(ctx: Context, plan: LaunchPlan, run: Run) -> bool:
    """Leave nothing of a failed launch, or under a lease what the caller wants to look at, and return False."""
    if plan.request.keep_on_failure and not ctx.cancel.is_set() and _keep(ctx, plan, run):
        return False
    sweep(ctx, run)
    if not plan.request.key_name:
        forget_key(ctx, plan.resolution.region, plan.request.name)
    return True


def _forget_workspace(run: Run, known: tuple[str, ...]) -> None:
    """Remove the playbook of a template with secrets: they stand in it, and it has served."""
    if known:
        shutil.rmtree(run.folder / "workspace", ignore_errors=True)


def _keep(ctx: Context, plan: LaunchPlan, run: Run) -> bool:
    """Put what there is under a lease; False where there is no machine to keep."""
    until = (ctx.clock() + timedelta(minutes=ctx.settings.bake.keep_minutes)).isoformat(timespec="seconds")
    cloud = ctx.account().cloud(plan.resolution.region)
    try:
        parts = cloud.resources([run.info.id])
        kept = [one.id for one in parts if one.kind == "instance"]
        if not kept:
            return False
        # A key pair is tagged by another name than the one that it is listed by, and costs nothing.
        cloud.tag([one.id for one in parts if one.kind != "key_pair"], {EXPIRES_TAG: until})
    except CloudError as error:
        ctx.emit(Notice(run=run.info.id, message=error.message, level="warning"))
        return False
    run.keep(until)
    message = f"{kept[0]} keeps running until {until}: cws-build instances ssh {plan.request.name}"
    hint = f"cws-build reap --run {run.info.id} removes it before"
    ctx.emit(Notice(run=run.info.id, message=message, hint=hint))
    return True


def _record(ctx: Context, run: Run, result: LaunchResult, known: tuple[str, ...]) -> None:
    """Close a run that went well: its machine runs, whatever becomes of the record."""
    try:
        run.finish("done", masked(result, known))
    except (ToolError, OSError) as error:
        said = error.message if isinstance(error, ToolError) else str(error)
        ctx.emit(Notice(run=run.info.id, message=f"the launch is not recorded: {said}", level="warning"))


def _info(ctx: Context, plan: LaunchPlan) -> RunInfo:
    run = new_run(ctx, "launch", plan.request.name, plan.resolution.region)
    return msgspec.structs.replace(run, digest=plan.recipe.digest)


def _secrets(ctx: Context, plan: LaunchPlan) -> tuple[str, ...]:
    """Compile once more: a plan is shown and kept, so that it does not hold the template's secrets apart."""
    wanted = plan.request.resolve
    return compile_template(
        ctx.library,
        wanted.template,
        wanted.parameters,
        architecture=plan.recipe.architecture,
        version=wanted.version,
    ).secrets


def _lock_name(ctx: Context, plan: LaunchPlan) -> str:
    return f"launch-{ctx.account().name}-{plan.resolution.region}-{plan.request.name}"


def _refuse_twin(plan: LaunchPlan) -> None:
    raise InputError(
        f"{plan.request.name} is being launched in {plan.resolution.region} at this moment",
        hint="choose another name, or wait",
    )
