"""Try a template's image in every region that has one, side by side: what it will cost, and what came of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.boot_ami import boot_ami
from cws_build.actions.boot_plan import BootRequest, Network
from cws_build.actions.choose_machine import choose_machine
from cws_build.actions.history import history
from cws_build.errors import ConsentError, CwsError, InputError, Interrupted
from cws_build.model import costs, estimate
from cws_build.model.availability import Availability, Trouble
from cws_build.model.launching import LaunchRequest, ResolveRequest
from cws_build.model.measured import Subject

if TYPE_CHECKING:
    from cws_build.actions.ami_availability import Surveyed
    from cws_build.actions.resolve import Resolved
    from cws_build.context import Context
    from cws_build.model.availability import RegionAnswer
    from cws_build.model.estimate import Estimate
    from cws_build.model.image import Ami
    from cws_build.model.measured import History


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that will be started in one region, or why none can be."""

    region: str
    request: BootRequest | None = None
    usd: float | None = None
    """The machine until it is ready, a minute at least; None where no price is known, 0 in the sandbox."""
    trouble: Trouble | None = None


class BootPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All machines, and what they cost."""

    machines: tuple[Planned, ...]
    free: bool
    """In the sandbox nothing costs, and nobody is asked."""

    @property
    def usd(self) -> float | None:
        """The sum; None where a price is unknown."""
        known = [one.usd for one in self.machines if one.request]
        return None if None in known else sum(one or 0.0 for one in known)

    @property
    def seconds(self) -> Estimate | None:
        """What the slowest is expected to take."""
        times = [one.request.predicted for one in self.machines if one.request and one.request.predicted]
        return max(times, key=lambda one: one.p50, default=None)


def plan_boots(ctx: Context, surveyed: Surveyed) -> BootPlan:
    """Decide which machines are needed to try each image that is available; asks no cloud."""
    past = history(ctx)
    rows = [one for one in surveyed.availability.regions if one.ami]
    planned = [_planned(ctx, one, surveyed.resolved[one.region], past) for one in rows]
    return BootPlan(machines=tuple(planned), free=ctx.sandbox)


def require_boot_consent(plan: BootPlan) -> None:
    """Raise ConsentError with what the machines would cost."""
    count = sum(one.request is not None for one in plan.machines)
    if plan.free or not count:
        return
    usd, seconds = plan.usd, plan.seconds
    sum_of = "an unknown sum" if usd is None else f"about ${usd:.2f}" if usd >= 0.01 else "less than a cent"  # noqa: PLR2004  cents
    raise ConsentError(
        f"starting {count} machine{'s' if count > 1 else ''} to try the images costs {sum_of}, and nobody has agreed",
        hint="say --yes, or leave --boot away",
        details={"about": "boot", "usd": usd, "seconds": seconds.p50 if seconds else None, "machines": count},
    )


def boot_regions(ctx: Context, surveyed: Surveyed, plan: BootPlan) -> Availability:
    """Start the machines, at most ``settings.bake.parallel`` at a time, and return the answers with what came of it.

    Raises:
        Interrupted: ``ctx.cancel`` was set; nothing is left running.
    """
    by_region = {one.region: one for one in plan.machines}
    rows = surveyed.availability.regions
    with ThreadPoolExecutor(max(1, ctx.settings.bake.parallel), thread_name_prefix="boot") as pool:
        done = list(pool.map(lambda row: _booted(ctx, row, by_region.get(row.region)), rows))
    return msgspec.structs.replace(surveyed.availability, regions=tuple(done))


def _booted(ctx: Context, row: RegionAnswer, planned: Planned | None) -> RegionAnswer:
    if planned is None:
        return row
    if planned.request is None:
        return msgspec.structs.replace(row, boot_error=planned.trouble)
    if ctx.cancel.is_set():
        raise Interrupted("stopped before every image was tried")
    try:
        return msgspec.structs.replace(row, boot=boot_ami(ctx, planned.request))
    except Interrupted:
        raise
    except CwsError as error:
        return msgspec.structs.replace(row, boot_error=Trouble.of(error))


def _planned(ctx: Context, row: RegionAnswer, resolved: Resolved, past: History) -> Planned:
    ami, recipe = row.ami, resolved.compiled.recipe
    assert ami is not None  # noqa: S101  only rows with an image are planned
    try:
        asked = LaunchRequest(resolve=ResolveRequest(template=recipe.template, region=row.region), name="boot")
        types = choose_machine(ctx, resolved, asked).instance_types
    except CwsError as error:
        return Planned(region=row.region, trouble=Trouble.of(error))
    about = Subject(
        template=recipe.template,
        architecture=recipe.architecture,
        digest=recipe.digest,
        region=row.region,
        instance_type=types[0],
    )
    predicted = estimate.launch(recipe.layers, past, about)
    request = BootRequest(
        ami=ami,
        compiled=resolved.compiled,
        instance_types=types,
        network=_network(ctx, ami),
        predicted=predicted,
    )
    return Planned(region=row.region, request=request, usd=_usd(ctx, types[0], row.region, predicted))


def _usd(ctx: Context, instance_type: str, region: str, predicted: Estimate) -> float | None:
    if ctx.sandbox:
        return 0.0
    return costs.machine_usd(predicted, ctx.plugins().hourly_price(instance_type, region, ctx.emit))


def _network(ctx: Context, ami: Ami) -> Network:
    """Return where launches stand; a subnet and security groups are of one region, and count in that one alone."""
    launch, here = ctx.settings.launch, ami.region == _home(ctx)
    return Network(
        subnet=launch.subnet_id if here else "",
        groups=tuple(launch.security_group_ids) if here else (),
        ssh_cidr=launch.ssh_cidr,
        instance_profile=launch.instance_profile,
        tags=launch.tags,
        spot=launch.spot,
    )


def _home(ctx: Context) -> str:
    """Return the region that is worked in; empty where only other words named regions."""
    try:
        return ctx.account().region
    except InputError:
        return ""
