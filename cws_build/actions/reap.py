"""Find and remove what crashed runs left behind: from their journals here, and from tags in the cloud."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.leftover_cost import leftover, total
from cws_build.actions.machine_access import forget_key, login_to
from cws_build.errors import CloudError, InputError
from cws_build.model.events import Notice, ResourceGone
from cws_build.model.leftovers import Reaped, Spared
from cws_build.model.machine_tags import NAME_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cws_build.context import Context
    from cws_build.model.image import Resource
    from cws_build.ports import Cloud, PastRun, Run


class ReapRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for."""

    dry_run: bool = False
    older_than: float = 0.0
    """Seconds; only what was made longer ago."""
    run: str = ""
    """This run only, even if it keeps its machine on purpose."""
    regions: tuple[str, ...] = ()
    """Besides the regions that journals name and the configured one."""


def reap(ctx: Context, request: ReapRequest) -> Reaped:
    """Remove what dead runs left.

    A run is dead when its process is gone and its journal was not closed, or when a resource that carries its
    tag has expired, whichever machine it ran on. What a live run holds, what is kept on purpose and has not
    expired, and finished images are left alone.

    Raises:
        InputError: A run was named that is unknown, or alive.
        CloudError: The account cannot be asked.
    """
    # A bake sweeps up after itself and mends no images: it should not wait for what does.
    from cws_build.actions.mend_images import mend_images

    past = [run for run in ctx.runs.past() if run.info.account == ctx.account().name]
    dead = _dead(ctx, past, request)
    found: list[Resource] = []
    kept: list[Spared] = []
    for region in _regions(ctx, past, request):
        for resource in _seen(ctx, region, dead, request):
            if reason := _why_kept(ctx, resource, past, dead) or _too_young(ctx, resource, request):
                kept.append(Spared(id=resource.id, reason=reason))
            else:
                found.append(resource)
    # A run of which something was left for its age stays open, so that the next reap looks at it again.
    closing = [] if request.older_than else dead
    began = {run.info.id: run.info.started for run in past}
    told = tuple(leftover(ctx, resource, began.get(resource.run, "")) for resource in found)
    # Before the journals of dead runs are closed: by them it is known who is dead.
    mended = () if request.run else mend_images(ctx, past, dry_run=request.dry_run)
    removed, failed = ([], {}) if request.dry_run else _remove_all(ctx, found, closing)
    return Reaped(
        found=told,
        removed=tuple(resource.id for resource in removed),
        kept=(*kept, *(Spared(id=ident, reason=reason) for ident, reason in failed.items())),
        failed=tuple(failed),
        usd=None if ctx.sandbox else total(told),
        runs=tuple(run.info.id for run in dead),
        dry_run=request.dry_run,
        mended=mended,
    )


def reap_run(ctx: Context, run: PastRun) -> list[Resource]:
    """Remove what one dead run left; return what was removed."""
    ctx.runs.end_children(run)
    cloud = ctx.account().cloud(run.info.region)
    removed, failed = _remove_all(ctx, _of_runs(cloud, [run]), [run])
    if failed:
        raise CloudError(f"{', '.join(failed)} cannot be removed: {next(iter(failed.values()))}", hint="cws-build reap")
    return removed


def sweep(ctx: Context, run: Run) -> None:
    """Remove what a failed run left although its tools cleaned up; leave what it keeps on purpose."""
    past = next((past for past in ctx.runs.past() if past.info.id == run.info.id), None)
    if past is None or past.kept_until:
        return
    try:
        found = _of_runs(ctx.account().cloud(run.info.region), [past])
    except CloudError as error:
        ctx.emit(Notice(run=run.info.id, message=error.message, level="warning", hint="cws-build reap"))
        return
    _, failed = _remove_all(ctx, found, [])
    for ident, reason in failed.items():
        ctx.emit(Notice(run=run.info.id, message=f"{ident}: {reason}", level="warning", hint="cws-build reap"))


def _dead(ctx: Context, past: Sequence[PastRun], request: ReapRequest) -> list[PastRun]:
    if request.run:
        named = [run for run in past if run.info.id == request.run]
        if not named or named[0].alive:
            state = "is still running" if named else "is not known here"
            raise InputError(f"run {request.run} {state}", hint="cws-build reap --dry-run lists what there is")
        return named
    now = ctx.clock().isoformat()
    return [
        run
        for run in past
        if not run.alive and (not run.finished if not run.kept_until else run.kept_until < now and bool(run.open))
    ]


def _regions(ctx: Context, past: Sequence[PastRun], request: ReapRequest) -> list[str]:
    named = {run.info.region for run in past if not run.finished or run.kept_until}
    return sorted({*named, *request.regions, ctx.account().region})


def _seen(ctx: Context, region: str, dead: Sequence[PastRun], request: ReapRequest) -> list[Resource]:
    """Return what dead runs made in a region, and unless one run was named, what has a time at which it expires."""
    here = [run for run in dead if run.info.region == region]
    for run in here:
        if not request.dry_run:
            ctx.runs.end_children(run)
    cloud = ctx.account().cloud(region)
    mine = _of_runs(cloud, here)
    known = {resource.id for resource in mine}
    others = [] if request.run else [r for r in cloud.resources(()) if r.expires and not r.ready]
    return [*mine, *(resource for resource in others if resource.id not in known)]


def _why_kept(ctx: Context, resource: Resource, past: Sequence[PastRun], dead: Sequence[PastRun]) -> str:
    """Return why a resource stays: its run needs it, or may need it still; empty when nobody does."""
    run = next((run for run in past if run.info.id == resource.run), None)
    if run in dead or not resource.run:
        return ""
    if run and run.alive:
        return f"run {resource.run} is still running"
    if run and run.kept_until >= ctx.clock().isoformat():
        return f"run {resource.run} keeps it on purpose until {run.kept_until}"
    return "" if _expired(ctx, resource) else f"run {resource.run} has it until {resource.expires}"


def _of_runs(cloud: Cloud, runs: Sequence[PastRun]) -> list[Resource]:
    """Return everything of these runs, by tag, and by the names that their journals wrote down."""
    if not runs:
        return []
    tagged = cloud.resources([run.info.id for run in runs])
    unnamed = cloud.untagged_images([run.info.image_name for run in runs if run.info.image_name])
    return [r for r in dict.fromkeys((*tagged, *unnamed)) if not r.ready]


def _expired(ctx: Context, resource: Resource) -> bool:
    return bool(resource.expires) and datetime.fromisoformat(resource.expires) < ctx.clock()


def _too_young(ctx: Context, resource: Resource, request: ReapRequest) -> str:
    if not request.older_than or not resource.created:
        return ""
    age = (ctx.clock() - datetime.fromisoformat(resource.created)).total_seconds()
    return f"it is younger than {request.older_than:g} s" if age < request.older_than else ""


_ORDER = ("instance", "image", "snapshot", "volume", "security_group", "key_pair")


def _remove_all(
    ctx: Context, found: Iterable[Resource], dead: Sequence[PastRun]
) -> tuple[list[Resource], dict[str, str]]:
    """Remove machines first: they hold the volumes and groups; the key pair last: it is the lock of its recipe."""
    removed: list[Resource] = []
    failed: dict[str, str] = {}
    for resource in sorted(found, key=lambda r: (_ORDER.index(r.kind), r.id)):
        try:
            ctx.account().cloud(resource.region).remove(resource)
        except CloudError as error:
            failed[resource.id] = error.message
            continue
        removed.append(resource)
        ctx.emit(ResourceGone(run=resource.run, kind=resource.kind, id=resource.id, region=resource.region))
    for run in dead if not failed else []:
        _forget_login(ctx, run)
        ctx.runs.forget(run)
    return removed, failed


def _forget_login(ctx: Context, run: PastRun) -> None:
    """Remove the key that a dead launch has left here, unless a machine of the name is there."""
    name, region = run.info.subject, run.info.region
    if run.info.verb != "launch" or login_to(ctx, region, name, "").key_file is None:
        return
    if not ctx.account().machines(region).tagged({NAME_TAG: name}):
        forget_key(ctx, region, name)
