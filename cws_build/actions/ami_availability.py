"""Where a template's image works, region by region: asked of the account anew, of all regions at once."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.copy_offers import copy_offers, written_gb
from cws_build.actions.history import history
from cws_build.actions.resolve import Resolved, resolve_all
from cws_build.data import region_table
from cws_build.errors import CloudError, CwsError, InputError, NoAmiError
from cws_build.model import costs
from cws_build.model.availability import Availability, RegionAnswer, Trouble
from cws_build.model.launch_events import ImageFound, NoImageFound, ResolutionStarted
from cws_build.model.launching import ResolveRequest
from cws_build.model.resolution import COPY_METHOD, SCRIPT_METHOD, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.context import Context
    from cws_build.model.measured import History
    from cws_build.model.resolution import Resolution
    from cws_build.ports import Emit

_OF_ONE_LAUNCH = (ResolutionStarted, ImageFound, NoImageFound)
"""What is told of a single resolution, and would be noise of thirty."""


class AvailabilityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One template on one architecture, in some regions."""

    template: str
    regions: tuple[str, ...] = ()
    """Empty for the region that is worked in."""
    architecture: str = ""
    strategy: Strategy | None = None
    parameters: dict[str, str] = {}
    version: str = ""


class Surveyed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and what was resolved for it by region."""

    availability: Availability
    resolved: dict[str, Resolved]


def ami_availability(ctx: Context, request: AvailabilityRequest) -> Surveyed:
    """Ask each region what a launch of the template would find there.

    A region that cannot be asked is an answer of its own and takes no other with it.

    Raises:
        InputError: The template, a parameter or a region is wrong.
        PluginError: Two tiers have one name.
        Interrupted: The user has stopped the command.
    """
    began = time.monotonic()
    regions = tuple(region_table().find(one).code for one in request.regions) or (ctx.lookup("").region,)
    quiet = dataclasses.replace(ctx, emit=_without(ctx.emit))
    answers = resolve_all(quiet, [_of(request, region) for region in regions])
    for answer in answers:
        if isinstance(answer, InputError):
            raise answer
    found = dict(zip(regions, answers, strict=True))
    resolved = {region: answer for region, answer in found.items() if isinstance(answer, Resolved)}
    told = _copies(quiet, resolved)
    past = history(ctx)
    rows = tuple(_row(quiet, region, answer, past, told) for region, answer in found.items())
    recipe = next(iter(resolved.values())).compiled.recipe if resolved else None
    return Surveyed(
        availability=Availability(
            template=recipe.template if recipe else request.template,
            architecture=recipe.architecture if recipe else request.architecture,
            digest=recipe.digest if recipe else "",
            layers=len(recipe.layers) if recipe else 0,
            regions=rows,
            seconds=time.monotonic() - began,
        ),
        resolved=resolved,
    )


def _without(emit: Emit) -> Emit:
    return lambda event: None if isinstance(event, _OF_ONE_LAUNCH) else emit(event)


def _of(request: AvailabilityRequest, region: str) -> ResolveRequest:
    return ResolveRequest(
        template=request.template,
        region=region,
        architecture=request.architecture,
        strategy=request.strategy,
        parameters=request.parameters,
        version=request.version,
        refresh=True,
    )


def _copies(ctx: Context, resolved: Mapping[str, Resolved]) -> dict[str, float | None]:
    """Ask each image that regions would copy how much it holds: once, however many regions lack it."""
    lacking = [one.resolution for one in resolved.values() if not one.resolution.complete]
    return written_gb(ctx, {one.ami.id: one.ami for each in lacking for one in each.copyable}.values())


def _row(
    ctx: Context, region: str, answer: Resolved | CwsError, past: History, told: Mapping[str, float | None]
) -> RegionAnswer:
    if isinstance(answer, CwsError):
        return _error(region, Trouble.of(answer))
    resolution, names = answer.resolution, [layer.name for layer in answer.compiled.recipe.layers]
    if resolution.complete and resolution.chosen:
        ami = resolution.chosen.ami
        return RegionAnswer(region=region, status="available", ami=ami, warnings=resolution.warnings)
    unknown = _unknown(resolution)
    if unknown:
        return _error(region, Trouble(code=CloudError.code, message=unknown))
    offers = copy_offers(ctx, answer, past, told)
    offer = costs.best_source(offers, ctx.settings.launch.value_of_time_usd_hour)
    if offer:
        reason = f"{offer.source.id} in {offer.source_region} would be copied"
        reason = f"{reason}; mind that {offer.caution}" if offer.caution else reason
        return RegionAnswer(
            region=region, status="copy_required", copy=offer, reason=reason, warnings=resolution.warnings
        )
    return _by_script(region, resolution, names)


def _by_script(region: str, resolution: Resolution, names: list[str]) -> RegionAnswer:
    chosen = resolution.chosen
    if chosen and chosen.layers:
        reason = f"{chosen.ami.id} holds {chosen.layers} of {resolution.total_layers} layers; a script runs the others"
        missing = tuple(names[chosen.layers :])
    elif resolution.base:
        reason, missing = f"every layer would run on {resolution.base.id}", tuple(names)
    else:
        return _error(region, _nothing(resolution))
    return RegionAnswer(
        region=region, status="script", reason=reason, missing_layers=missing, warnings=resolution.warnings
    )


def _nothing(resolution: Resolution) -> Trouble:
    """Say why nothing can be launched: no image, and a strategy or a lack that rules the script out."""
    script = next((one.reason for one in resolution.attempts if one.method == SCRIPT_METHOD and one.reason), "")
    message = f"no image is in {resolution.region}, and no script may run: {script or 'there is no base image'}"
    hint = f"cws-build bake {resolution.template}"
    return Trouble(code=NoAmiError.code, message=message, hint=hint, exit_code=NoAmiError.exit_code)


def _unknown(resolution: Resolution) -> str:
    """Return why it is not known whether the region has an image; empty where it is."""
    failed = [one for one in resolution.attempts if one.outcome == "failed" and one.method != COPY_METHOD]
    return "; ".join(dict.fromkeys(one.reason for one in failed if one.method != SCRIPT_METHOD))


def _error(region: str, trouble: Trouble) -> RegionAnswer:
    return RegionAnswer(region=region, status="error", reason=trouble.message, error=trouble)
