"""What should be baked anew: the facts are gathered here, the decision is a pure function."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.history import history
from cws_build.actions.plan_bake import compile_for, plan_bake
from cws_build.actions.remember import records
from cws_build.actions.share_places import master_of
from cws_build.actions.take_inventory import inventory_of
from cws_build.actions.take_pending import pending_of
from cws_build.actions.versions import images_of
from cws_build.catalog import Catalog
from cws_build.errors import CloudError, CwsError, InputError
from cws_build.model.baking import BakeRequest
from cws_build.model.events import Notice
from cws_build.model.freshness import Advisory, BaseSeen, Freshness, Updated, days_between
from cws_build.model.image import layers_from_tags
from cws_build.model.pending import security_updates
from cws_build.model.releases import releases_of
from cws_build.model.updates import SEVERITIES, Facts, Spent, Threat, UpdatePlan, plan_updates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.actions.compile import Compiled
    from cws_build.context import Context
    from cws_build.model.baking import BakePlan
    from cws_build.model.image import Ami
    from cws_build.model.measured import History

_EMERGENCY = "emergency"
_MOST_STARTS = 16
"""So many images, each started from the next, are followed back to a base image."""


class UpdatesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which templates, and where; what the settings say unless something is named."""

    templates: tuple[str, ...] = ()
    architecture: str = ""
    regions: tuple[str, ...] = ()


def plan(ctx: Context, request: UpdatesRequest) -> UpdatePlan:
    """Say what should be baked anew, and when.

    A template that cannot be compiled, or a region that does not answer, is a warning.

    Raises:
        InputError: A template was named that is not there; or the policy has a window or severity that is none.
        StoreError: The store cannot be read.
    """
    _check(ctx)
    facts: list[Facts] = []
    past = history(ctx)
    for template in _templates(ctx, request):
        for region in request.regions or (ctx.account().region,):
            try:
                facts.append(_facts(ctx, template, request.architecture, region, past))
            except CwsError as error:
                if request.templates and isinstance(error, InputError):
                    raise
                message = f"{template} in {region}: {error.message}"
                ctx.emit(Notice(subject=template, message=message, level="warning", hint=error.hint))
    known = [one for one in facts if one.ami_id or one.launches or request.templates]
    return plan_updates(known, ctx.settings.updates, spent(ctx), ctx.clock())


def _check(ctx: Context) -> None:
    policy = ctx.settings.updates
    strange = sorted(set(policy.deadline_hours) - set(SEVERITIES))
    missing = sorted(set(SEVERITIES) - set(policy.deadline_hours))
    if policy.unrated_security not in SEVERITIES:
        message = f"[updates] unrated_security: '{policy.unrated_security}' is no severity"
        raise InputError(message, hint=f"one of {', '.join(SEVERITIES)}")
    if strange or missing:
        said = f"knows no {', '.join(strange)}" if strange else f"lacks {', '.join(missing)}"
        raise InputError(f"[updates] deadline_hours {said}", hint=f"the severities are {', '.join(SEVERITIES)}")


def _templates(ctx: Context, request: UpdatesRequest) -> Sequence[str]:
    named = request.templates or tuple(ctx.settings.updates.templates)
    if named:
        return named
    return [entry.template.short_name for entry in Catalog.load(ctx.library.parts("templates")).entries]


def _facts(ctx: Context, template: str, architecture: str, region: str, past: History) -> Facts:
    request = BakeRequest(template=template, architecture=architecture, region=region, refresh=True)
    compiled = compile_for(ctx, request)
    bake = plan_bake(ctx, compiled, request)
    recipe = compiled.recipe
    finished = releases_of(images_of(ctx, recipe.template, region), {})
    found = [one for one in finished if one.architecture == recipe.architecture]
    newest = max((one.ami for one in found if one.ami.state == "available"), key=lambda ami: ami.created, default=None)
    base = bake.start.ami if bake.start else None
    if base:
        _remember(ctx, base)
    pending = pending_of(ctx, newest) if newest else None
    return Facts(
        template=recipe.template,
        architecture=recipe.architecture,
        region=region,
        ami_id=newest.id if newest else "",
        freshness=_freshness(ctx, compiled, newest, base) if newest else None,
        baked_at=_oldest(ctx, newest) if newest else "",
        pending=security_updates(pending) if pending else (),
        newest_base=base.name if base else "",
        newest_base_at=base.created if base else "",
        launches=tuple(_launched(past, recipe.template, region, ctx.clock().isoformat())),
        threats=_threats(ctx, newest) if newest else (),
        seconds=bake.estimate.p50 if bake.estimate else None,
        usd=_usd(ctx, bake),
    )


def _usd(ctx: Context, bake: BakePlan) -> float | None:
    return 0.0 if ctx.sandbox else bake.build_usd


def _freshness(ctx: Context, compiled: Compiled, ami: Ami, base: Ami | None) -> Freshness:
    used = ami.tags.get("cws:base-ami", "")
    seen = _seen(ctx, used, ami.region)
    own = dict(layers_from_tags(ami.tags))
    current = [(layer.name, layer.digest) for layer in compiled.recipe.layers]
    changed = tuple(name for name, digest in current if not own.get(name) or not digest.startswith(own[name]))
    advised, offered = {threat.package for threat in _threats(ctx, ami)}, pending_of(ctx, ami)
    known = offered is not None or inventory_of(ctx, ami) is not None
    return Freshness(
        age_days=days_between(ami.aged_from, ctx.clock().isoformat()),
        base_days_behind=days_between(seen.created, base.created) if seen and base and used != base.id else 0.0,
        base_gone=bool(used) and not _there(ctx, used, ami.region),
        base_deprecated=seen.deprecated if seen else "",
        template_changed=changed,
        packages_pending=len(advised | set(offered.packages if offered else ())) if known else None,
        security_pending=len(offered.security) if offered else None,
        pending_as_of=offered.taken if offered else "",
    )


def _oldest(ctx: Context, ami: Ami) -> str:
    """Return when the oldest layer was baked: a bake may have taken the first ones from another image.

    Empty where an image that it was started from is gone.
    """
    here: Ami | None = ami
    for _ in range(_MOST_STARTS):
        if here is None:
            return ""
        start = here.tags.get("cws:started-from", "")
        if start in {"", here.tags.get("cws:base-ami")}:
            return here.aged_from
        # A copy bears its master's tags: what that was started from is where the master is.
        here = ctx.lookup(master_of(here)[1]).fate(start).ami
    return ""


def _there(ctx: Context, ident: str, region: str) -> bool:
    return ctx.lookup(region).fate(ident).ami is not None


def _seen(ctx: Context, ident: str, region: str) -> BaseSeen | None:
    """Return what is known of a base image: as it is now, else as it was last seen."""
    if not ident:
        return None
    with suppress(CloudError):
        ami = ctx.lookup(region).fate(ident).ami
        if ami:
            _remember(ctx, ami)
    return records(ctx, BaseSeen).get(f"{region}/{ident}")


def _remember(ctx: Context, base: Ami) -> None:
    now = ctx.clock().isoformat(timespec="seconds")

    def seen(before: BaseSeen | None) -> BaseSeen:
        return BaseSeen(
            name=base.name,
            created=base.created,
            deprecated=base.deprecated,
            first_seen=before.first_seen if before else now,
            last_seen=now,
        )

    records(ctx, BaseSeen).change(f"{base.region}/{base.id}", seen)


def _launched(past: History, template: str, region: str, now: str) -> list[float]:
    """Return how many days ago a template was launched by script."""
    rows = [row for row in past.of("script") if (row.key[0], row.key[3]) == (template, region)]
    return [age for row in rows if (age := days_between(row.at, now)) is not None]


def _threats(ctx: Context, ami: Ami) -> tuple[Threat, ...]:
    """Return the advisories that concern an image: it was made before, and has the package, as far as is known."""
    inventory, baked = inventory_of(ctx, ami), _oldest(ctx, ami) or ami.aged_from
    found = []
    for ident, advisory in records(ctx, Advisory).all().items():
        late = days_between(advisory.published, baked)
        has = inventory is None or any(
            advisory.package in names
            for manager, names in inventory.packages.items()
            if advisory.manager in {"", manager, manager.partition(" ")[0]}
        )
        if has and late is not None and late <= 0:
            found.append(
                Threat(id=ident, package=advisory.package, severity=advisory.severity, published=advisory.published)
            )
    return tuple(found)


def spent(ctx: Context) -> Spent:
    """Return what bakes have cost today and this month, by the results that runs have kept."""
    now = ctx.clock().isoformat()
    day = month = 0.0
    for run in ctx.runs.ended(ctx.account().name):
        at, cost = run.info.started, run.result.get("cost")
        usd = cost.get("build_usd") if isinstance(cost, dict) else None
        if not usd or at[:7] != now[:7]:
            continue
        month += usd
        day += usd if at[:10] == now[:10] else 0.0
    done = [one for one in records(ctx, Updated).all().values() if one.at[:7] == now[:7]]
    emergency = sum(one.usd or 0.0 for one in done if one.budget == _EMERGENCY)
    return Spent(day, month, emergency)
