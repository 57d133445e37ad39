"""What each way of a launch takes, in minutes and dollars: asked of the history, the price book and the plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.copy_offers import copy_offers
from cws_build.actions.history import history, launch_ages
from cws_build.data import price_book
from cws_build.model import costs, estimate, keeping
from cws_build.model.launching import Comparison, CopyStep
from cws_build.model.measured import Subject
from cws_build.model.reliability import chance_of_failure
from cws_build.model.settling import found

if TYPE_CHECKING:
    from cws_build.actions.resolve import Resolved
    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.model.launching import LaunchPlan
    from cws_build.model.measured import History
    from cws_build.model.recipe import Recipe


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The ways side by side, and the copy that could be made."""

    comparison: Comparison
    offer: CopyStep | None
    """The cheapest of ``offers``."""
    offers: tuple[CopyStep, ...]
    copy_better: bool
    keep: keeping.Keep | None
    """Whether a copy would earn its storage; None where none is on offer."""


def compare_ways(ctx: Context, resolved: Resolved, instance_type: str) -> Compared:
    """Estimate every way that the resolution leaves open; asks the cloud for the sizes of copies only."""
    resolution, past = resolved.resolution, history(ctx)
    offers = copy_offers(ctx, resolved, past)
    offer = costs.best_source(offers, ctx.settings.launch.value_of_time_usd_hour)
    ways = _ways(resolved, instance_type, past)._replace(copy=offer)
    fails = chance_of_failure("script", resolved.compiled.recipe.template, past)
    terms = _terms(ctx, resolution.region, instance_type, _image(resolved))._replace(script_fails=fails)
    comparison = costs.compare(ways, terms)
    if found(resolution) != "full":
        # What launches quickly once it is copied is not here yet.
        comparison = msgspec.structs.replace(comparison, ami=None, setup_usd_ami=None)
    if ctx.sandbox:
        comparison = msgspec.structs.replace(comparison, price_kind="sandbox")
    return Compared(
        comparison=comparison,
        offer=offer,
        offers=offers,
        copy_better=costs.better(ways, terms) == "copy",
        keep=_keep(resolved, past, ways, terms),
    )


def _keep(resolved: Resolved, past: History, ways: costs.Ways, terms: costs.Terms) -> keeping.Keep | None:
    """Weigh the storage of a copy against what the launches here would save, by how many there were."""
    offer, region = ways.copy, resolved.resolution.region
    if offer is None:
        return None
    waiting = offer.seconds.p50 * terms.value_of_time_usd_hour / 3600
    stakes = keeping.Stakes(
        saved_usd_launch=costs.saved_usd(ways, terms),
        storage_usd_month=_storage(region, offer.gb) if terms.hourly else None,
        copy_usd=None if offer.usd is None else offer.usd + waiting,
    )
    ages = launch_ages(past, resolved.compiled.recipe.template, region)
    return keeping.keep(stakes, keeping.launches_per_month(ages))


def _storage(region: str, gb: float | None) -> float | None:
    monthly = price_book().snapshot(region)
    return None if monthly is None or gb is None else monthly * gb


def _ways(resolved: Resolved, instance_type: str, past: History) -> costs.Ways:
    resolution, recipe = resolved.resolution, resolved.compiled.recipe
    about = _subject(recipe, resolution.region, instance_type)
    held = resolution.chosen.layers if resolution.chosen else 0
    finished = resolution.complete or bool(resolution.copyable)
    return costs.Ways(
        ami=estimate.launch(recipe.layers, past, about) if finished else None,
        hybrid=estimate.hybrid(recipe.layers, held, past, about) if found(resolution) == "partial" else None,
        script=estimate.script(recipe.layers, past, about),
    )


def subject_of(plan: LaunchPlan) -> Subject:
    """Return what a launch is remembered under."""
    return _subject(plan.recipe, plan.resolution.region, next(iter(plan.instance_types), ""))


def _subject(recipe: Recipe, region: str, instance_type: str) -> Subject:
    return Subject(
        template=recipe.template,
        architecture=recipe.architecture,
        digest=recipe.digest,
        region=region,
        instance_type=instance_type,
    )


def _terms(ctx: Context, region: str, instance_type: str, image: Ami | None) -> costs.Terms:
    value = ctx.settings.launch.value_of_time_usd_hour
    if ctx.sandbox:
        return costs.Terms(instance_type, value_of_time_usd_hour=value)
    monthly = price_book().snapshot(region)
    return costs.Terms(
        instance_type,
        hourly=ctx.plugins().hourly_price(instance_type, region, ctx.emit),
        value_of_time_usd_hour=value,
        storage_usd_month=monthly * image.volume_gb if monthly is not None and image else None,
    )


def _image(resolved: Resolved) -> Ami | None:
    chosen = resolved.resolution.chosen or resolved.resolution.elsewhere
    return chosen.ami if chosen else None
