"""Find and remove what crashed runs left behind: from their journals here, and from tags in the cloud."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cws_build.data import price_book
from cws_build.errors import CloudError, InputError
from cws_build.model.events import Notice, ResourceGone
from cws_build.model.image import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cws_build.context import Context
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


class Reaped(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what became of it."""

    resources: tuple[Resource, ...]
    failed: dict[str, str]
    """Id -> why it is still there."""
    runs: tuple[str, ...]
    dry_run: bool
    usd: float | None = None
    """What its machines and disks have cost so far at list prices; None in the sandbox, or where a price is unknown."""


def reap(ctx: Context, request: ReapRequest) -> Reaped:
    """Remove what dead runs left.

    A run is dead when its process is gone and its journal was not closed, or when a resource that carries its
    tag has expired, whichever machine it ran on. What a live run holds, what is kept on purpose and has not
    expired, and finished images are left alone.

    Raises:
        InputError: A run was named that is unknown, or alive.
        CloudError: The account cannot be asked.
    """
    past = [run for run in ctx.runs.past() if run.info.account == ctx.account().name]
    dead = _dead(ctx, past, request)
    found: list[Resource] = []
    for region in _regions(ctx, past, request):
        cloud = ctx.account().cloud(region)
        in_region = [run for run in dead if run.info.region == region]
        found += _left_behind(ctx, cloud, in_region, past, request)
    # A run of which something was left for its age stays open, so that the next reap looks at it again.
    closing = [] if request.older_than else dead
    removed, failed = ([], {}) if request.dry_run else _remove_all(ctx, found, closing)
    return Reaped(
        resources=tuple(found if request.dry_run else removed),
        failed=failed,
        usd=None if ctx.sandbox else _spent(ctx, found),
        runs=tuple(run.info.id for run in dead),
        dry_run=request.dry_run,
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


def _left_behind(
    ctx: Context, cloud: Cloud, dead: Sequence[PastRun], past: Sequence[PastRun], request: ReapRequest
) -> list[Resource]:
    for run in dead:
        if not request.dry_run:
            ctx.runs.end_children(run)
    mine = _of_runs(cloud, dead)
    now = ctx.clock().isoformat()
    spared = {run.info.id for run in past if run.alive or run.kept_until >= now} | {run.info.id for run in dead}
    others = [] if request.run else [r for r in cloud.resources(()) if r.run not in spared and _expired(ctx, r)]
    return [r for r in (*mine, *others) if not r.ready and _old_enough(ctx, r, request)]


def _of_runs(cloud: Cloud, runs: Sequence[PastRun]) -> list[Resource]:
    """Return everything of these runs, by tag, and by the names that their journals wrote down."""
    if not runs:
        return []
    tagged = cloud.resources([run.info.id for run in runs])
    unnamed = cloud.untagged_images([run.info.image_name for run in runs if run.info.image_name])
    return [r for r in dict.fromkeys((*tagged, *unnamed)) if not r.ready]


def _expired(ctx: Context, resource: Resource) -> bool:
    return bool(resource.expires) and datetime.fromisoformat(resource.expires) < ctx.clock()


def _old_enough(ctx: Context, resource: Resource, request: ReapRequest) -> bool:
    if not request.older_than or not resource.created:
        return True
    return (ctx.clock() - datetime.fromisoformat(resource.created)).total_seconds() >= request.older_than


_HOURS_PER_MONTH = 730


def _spent(ctx: Context, found: Sequence[Resource]) -> float | None:
    """Return the dollars that machines, volumes and snapshots have cost since they were made."""
    costs = [_cost(ctx, resource) for resource in found if resource.kind in {"instance", "volume", "snapshot"}]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _cost(ctx: Context, resource: Resource) -> float | None:
    if not resource.created:
        return None
    hours = (ctx.clock() - datetime.fromisoformat(resource.created)).total_seconds() / 3600
    if resource.kind == "instance":
        hourly = price_book().on_demand(resource.detail, resource.region)
        return None if hourly is None else hourly * hours
    prices = price_book()
    monthly = prices.snapshot(resource.region) if resource.kind == "snapshot" else prices.volume(resource.region)
    gigabytes = float(resource.detail.split()[0])
    return None if monthly is None else monthly * gigabytes * hours / _HOURS_PER_MONTH


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
        ctx.runs.forget(run)
    return removed, failed
