"""What a bake would do: reuse, start from a prefix, or start from the base image; with minutes and dollars."""

from __future__ import annotations

import platform
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cws_build.actions.base_image import base_image
from cws_build.actions.compile import Compiled, compile_template
from cws_build.actions.history import history
from cws_build.data import price_book
from cws_build.model import estimate
from cws_build.model.baking import BakePlan, Start
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG, Ami, ImageQuery, newest
from cws_build.model.image_tags import RESIDUE_TAG
from cws_build.model.quoting import comment

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.context import Context
    from cws_build.model.baking import BakeRequest
    from cws_build.model.recipe import Recipe
    from cws_build.ports import Cloud

_SMALLEST_ROOT_GB = 20


def compile_for(ctx: Context, request: BakeRequest) -> Compiled:
    """Compile what a request names; raises InputError with every mistake."""
    architecture = request.architecture
    if ctx.sandbox and not architecture:
        architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return compile_template(
        ctx.library, request.template, request.parameters, architecture=architecture, version=request.version
    )


def plan_bake(
    ctx: Context, compiled: Compiled, request: BakeRequest, prepare: Callable[[], object] = lambda: None
) -> BakePlan:
    """Decide what a bake has to do. Asks one DescribeImages, and for the base image only when nothing is reused.

    Args:
        ctx: Where to look.
        compiled: What to bake.
        request: How.
        prepare: Called once it is known that something has to be built, while EC2 is asked from what.

    Raises:
        NoAmiError: There is no base image in this region.
        CloudError: The account cannot be asked.
    """
    cloud = ctx.account().cloud(request.region)
    recipe = compiled.recipe
    found = [] if request.refresh else _prefixes(ctx, cloud, recipe)
    if found and found[0].layers == len(recipe.layers):
        return _plan(ctx, compiled, cloud, found[0].ami, None)
    ctx.runs.prepare()
    prepare()
    start = found[0] if found else Start(kind="base", ami=base_image(cloud, compiled))
    return _plan(ctx, compiled, cloud, None, start)


def _prefixes(ctx: Context, cloud: Cloud, recipe: Recipe) -> list[Start]:
    """Return the images that hold a prefix of the recipe, the longest first, newest first among equals."""
    lengths = recipe.prefixes()
    query = ImageQuery(owners=("self",), tags={DIGEST_TAG: tuple(lengths)}, architecture=recipe.architecture)
    young = [ami for ami in newest(cloud.images(query)) if _is_young(ctx, ami) and not ami.is_deprecated(ctx.clock())]
    # What a failed layer may have left on a partial image is the business of its own template alone.
    fit = [ami for ami in young if RESIDUE_TAG not in ami.tags or ami.tags.get(TEMPLATE_TAG) == recipe.template]
    clean_first = sorted(fit, key=lambda ami: RESIDUE_TAG in ami.tags)
    starts = [Start(kind="prefix", ami=ami, layers=lengths[ami.tags[DIGEST_TAG]]) for ami in clean_first]
    return sorted(starts, key=lambda start: start.layers, reverse=True)


def _is_young(ctx: Context, ami: Ami) -> bool:
    days = ctx.settings.bake.max_age_days
    return not days or ctx.clock() - datetime.fromisoformat(ami.aged_from) < timedelta(days=days)


def _plan(ctx: Context, compiled: Compiled, cloud: Cloud, reused: Ami | None, start: Start | None) -> BakePlan:
    recipe, settings = compiled.recipe, ctx.settings.bake
    prices = None if ctx.sandbox else price_book()
    kind = settings.instance_types.get(recipe.architecture, "")
    volume = _volume_gb(compiled, start.ami if start else None)
    time = _estimate(ctx, recipe, start) if start else None
    hourly = None if ctx.sandbox else ctx.plugins().hourly_price(kind, cloud.region, ctx.emit)
    storage = prices.snapshot(cloud.region) if prices else None
    return BakePlan(
        recipe=recipe,
        region=cloud.region,
        reused=reused,
        start=start,
        instance_type=kind,
        volume_gb=volume,
        estimate=time,
        build_usd=hourly.usd_hour * time.p50 / 3600 if hourly and time else None,
        storage_usd_month=storage * (reused.volume_gb if reused else volume) if storage is not None else None,
        hourly=hourly,
        prices_as_of=prices.as_of if prices else "",
        warnings=_warnings(start),
    )


def _volume_gb(compiled: Compiled, ami: Ami | None) -> int:
    wanted = compiled.template.instance_defaults.root_volume_gb or _SMALLEST_ROOT_GB
    return max(wanted, ami.volume_gb if ami else 0)


def _estimate(ctx: Context, recipe: Recipe, start: Start) -> estimate.Estimate:
    past = history(ctx)
    boot = estimate.launch(recipe.layers, past).p50 if ctx.settings.images.boot_test else 0.0
    return estimate.bake(recipe.layers[start.layers :], start.layers, recipe.digest, past, boot=boot)


def _warnings(start: Start | None) -> tuple[str, ...]:
    said = []
    if start and start.kind == "base" and "stand-in" in start.ami.description:
        said.append(f"{start.ami.name} is a {comment(start.ami.description)}")
    if start and RESIDUE_TAG in start.ami.tags:
        said.append(
            f"{start.ami.id} was kept from a failed bake and holds traces of the layer {start.ami.tags[RESIDUE_TAG]};"
            " --refresh bakes from the base image"
        )
    return tuple(said)
