"""What an image of a template costs in each region, against launching by script. Asks no cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.compile import Compiled, compile_template
from cws_build.actions.history import history, launch_ages
from cws_build.data import price_book, region_table
from cws_build.errors import InputError
from cws_build.model import costs, estimate, keeping
from cws_build.model.launching import Comparison
from cws_build.model.measured import History, Subject
from cws_build.model.reliability import chance_of_failure
from cws_build.model.sizes import SIZES, Saving, Wanted, asks_for_gpu, choose, own_type, savings_arm64

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.prices import Price

_SMALLEST_ROOT_GB = 20


class CostsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to compare."""

    template: str
    regions: tuple[str, ...]
    home: str = ""
    """The region that has the image, from which others would copy it; empty for the first one."""
    size: str = ""
    architecture: str = ""
    gb: float | None = None
    """GiB that the image holds; None: the size of its volume, as an upper bound."""


class RegionCosts(msgspec.Struct, frozen=True, kw_only=True):
    """One region."""

    comparison: Comparison
    copy_usd: float | None
    """A copy of the image from home; None for home itself, and where the rate is unknown."""
    copy_rate_is_estimated: bool
    saved_usd_launch: float | None
    """What one launch from the image saves against one by script, waiting included."""
    break_even_launches_month: float | None
    """From so many launches a month on the image earns its storage."""
    launches_month: float | None
    """To be expected, by the launches from this computer; None before the first one."""
    verdict: str
    """``keep``, ``drop``, or ``ask`` where there is no history or no price."""
    idle_days: float | None
    """After so many unused days a copy has cost as much as making it again would; None for home itself."""
    arm64: Saving | None
    """The cheapest fitting types of both architectures."""
    reason: str = ""
    """Why there is no price; empty where there is one."""


class AmiCosts(msgspec.Struct, frozen=True, kw_only=True):
    """The answer."""

    template: str
    architecture: str
    home: str
    gb: float
    gb_is_upper_bound: bool
    speed_up: float | None
    regions: dict[str, RegionCosts]


def ami_costs(ctx: Context, request: CostsRequest) -> AmiCosts:
    """Compare the ways in each region, at list prices or a site's own.

    Raises:
        InputError: The template, the size or a region is wrong.
    """
    if request.size and request.size not in SIZES:
        raise InputError(f"'{request.size}' is not a size", hint=f"one of {', '.join(SIZES)}")
    for region in (*request.regions, *filter(None, [request.home])):
        region_table().find(region)
    compiled = compile_template(ctx.library, request.template, {}, architecture=request.architecture)
    past, gb = history(ctx), request.gb
    volume = compiled.template.instance_defaults.root_volume_gb or _SMALLEST_ROOT_GB
    whole = msgspec.structs.replace(
        request, home=request.home or request.regions[0], gb=float(volume) if gb is None else gb
    )
    found = {region: _region(ctx, compiled, whole, past, region) for region in request.regions}
    first = next(iter(found.values())).comparison
    return AmiCosts(
        template=compiled.recipe.template,
        architecture=compiled.recipe.architecture,
        home=whole.home,
        gb=whole.gb or 0.0,
        gb_is_upper_bound=gb is None,
        speed_up=costs.speed_up(first.ami, first.script),
        regions=found,
    )


def _region(ctx: Context, compiled: Compiled, request: CostsRequest, past: History, region: str) -> RegionCosts:
    book, gb, recipe = price_book(), request.gb or 0.0, compiled.recipe
    wanted = _wanted(compiled, request, region)
    kind, reason = _type(ctx, compiled, wanted)
    about = Subject(
        template=recipe.template,
        architecture=recipe.architecture,
        digest=recipe.digest,
        region=region,
        instance_type=kind,
    )
    monthly, rate = book.snapshot(region), book.transfer(request.home, region)
    ways = costs.Ways(
        ami=estimate.launch(recipe.layers, past, about), script=estimate.script(recipe.layers, past, about)
    )
    terms = costs.Terms(
        kind,
        hourly=_hourly(ctx, kind, region),
        value_of_time_usd_hour=ctx.settings.launch.value_of_time_usd_hour,
        storage_usd_month=None if monthly is None else monthly * gb,
        script_fails=chance_of_failure("script", recipe.template, past),
    )
    saved = costs.saved_usd(ways, terms)
    stakes = keeping.Stakes(saved_usd_launch=saved, storage_usd_month=terms.storage_usd_month)
    copy_usd = None if rate is None or region == request.home else rate * gb
    waiting = estimate.copy(gb, request.home, region, past).p50 * terms.value_of_time_usd_hour / 3600
    kept = keeping.keep(stakes, keeping.launches_per_month(launch_ages(past, recipe.template, region)))
    return RegionCosts(
        comparison=costs.compare(ways, terms),
        copy_usd=copy_usd,
        copy_rate_is_estimated=book.transfer_is_estimated(request.home),
        saved_usd_launch=saved,
        break_even_launches_month=kept.break_even_launches_month,
        launches_month=kept.launches_month,
        verdict=kept.verdict,
        idle_days=None
        if copy_usd is None or not terms.storage_usd_month
        else keeping.idle_days(copy_usd + waiting, terms.storage_usd_month),
        arm64=savings_arm64(wanted, book, lambda name, where: _hourly(ctx, name, where)),
        reason=reason,
    )


def _wanted(compiled: Compiled, request: CostsRequest, region: str) -> Wanted:
    config = compiled.template.ami_config
    return Wanted(
        region=region,
        architecture=compiled.recipe.architecture,
        size=request.size,
        families=config.instance_family_preference if config else (),
        gpu=asks_for_gpu(compiled.template),
    )


def _type(ctx: Context, compiled: Compiled, wanted: Wanted) -> tuple[str, str]:
    """Return the type of a launch, and why there is none; the template's own counts unless a size was asked for."""
    book = price_book()
    own = "" if wanted.size else own_type(compiled.template, wanted.architecture)
    facts = book.types.get(own)
    if facts and facts.architecture == wanted.architecture and book.offers(own, wanted.region):
        return own, ""
    found = choose(wanted, book, lambda name, region: _hourly(ctx, name, region))
    if found.choices:
        return found.choices[0].instance_type, ""
    return "", f"no fitting type is listed in {wanted.region}"


def _hourly(ctx: Context, instance_type: str, region: str) -> Price | None:
    return ctx.plugins().hourly_price(instance_type, region, ctx.emit) if instance_type else None
