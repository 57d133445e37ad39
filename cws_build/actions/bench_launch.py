"""Measure what an image is worth: the same environment launched from its image and by script, timed alike."""

from __future__ import annotations

import secrets
import statistics
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.instances import terminate_instance
from cws_build.actions.launch import launch
from cws_build.actions.plan_launch import plan_launch
from cws_build.errors import ConsentError, NoAmiError
from cws_build.model.launching import LaunchRequest, ResolveRequest
from cws_build.model.settling import agreed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.model.launching import LaunchPlan, LaunchResult


class BenchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure."""

    resolve: ResolveRequest
    repeat: int = 1
    """Launches of each way, taken in turn so that both meet the same conditions."""
    instance_type: str = ""
    consented: bool = False
    """Somebody has agreed to what the machines cost."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """The launches of one way: seconds from the request to the last service answering."""

    way: str
    seconds: tuple[float, ...]
    median: float
    phases: dict[str, float]
    """Medians of each phase."""


class Benched(msgspec.Struct, frozen=True, kw_only=True):
    """Both ways side by side."""

    template: str
    region: str
    architecture: str
    instance_type: str
    layers: int
    image: Timing
    script: Timing
    ratio: float
    """How many times longer the script takes, at the medians."""


def bench_launch(ctx: Context, request: BenchRequest) -> Benched:
    """Launch a template by image and by script, in turn, and terminate every machine.

    Raises:
        NoAmiError: There is no finished image in the region.
        ConsentError: The machines cost money, and nobody has agreed to it.
        CwsError: A launch failed; see `launch`.
    """
    first = _plan(ctx, request, by_script=False)
    if first.way != "ami":
        raise NoAmiError(
            f"there is no finished image of {first.recipe.template} in {first.resolution.region} to measure",
            hint=f"cws-build bake {first.recipe.template}",
        )
    _require_consent(ctx, request, first)
    results: dict[str, list[LaunchResult]] = {"ami": [], "script": []}
    for _ in range(request.repeat):
        for way, found in results.items():
            found.append(_measured(ctx, request, by_script=way == "script"))
    image, script = (_timing(way, found) for way, found in results.items())
    return Benched(
        template=first.recipe.template,
        region=first.resolution.region,
        architecture=first.recipe.architecture,
        instance_type=results["ami"][0].instance_type,
        layers=len(first.recipe.layers),
        image=image,
        script=script,
        ratio=script.median / image.median,
    )


def _plan(ctx: Context, request: BenchRequest, *, by_script: bool) -> LaunchPlan:
    name = f"bench-{secrets.token_hex(4)}"
    wanted = LaunchRequest(
        resolve=request.resolve, name=name, instance_type=request.instance_type, prefer_script=by_script, copy=False
    )
    plan = agreed(plan_launch(ctx, wanted))
    # A way that gives way to another one would be timed for both.
    return msgspec.structs.replace(plan, fallback=None)


def _require_consent(ctx: Context, request: BenchRequest, plan: LaunchPlan) -> None:
    if ctx.sandbox or request.consented:
        return
    compared = plan.comparison
    both = (compared.setup_usd_ami, compared.setup_usd_script)
    usd = request.repeat * sum(one or 0.0 for one in both) if None not in both else None
    cost = "an unknown sum" if usd is None else f"about ${usd:.2f}"
    raise ConsentError(
        f"measuring starts {2 * request.repeat} machines of type {compared.instance_type}, which costs {cost}",
        hint="--yes agrees to it; --sandbox costs nothing",
        details={"usd": usd},
    )


def _measured(ctx: Context, request: BenchRequest, *, by_script: bool) -> LaunchResult:
    result = launch(ctx, _plan(ctx, request, by_script=by_script))
    terminate_instance(ctx, result.name, result.plan.resolution.region)
    return result


def _timing(way: str, found: Sequence[LaunchResult]) -> Timing:
    seconds = tuple(one.ready_seconds or 0.0 for one in found)
    phases = {name: statistics.median(one.seconds.get(name, 0.0) for one in found) for name in found[0].seconds}
    return Timing(way=way, seconds=seconds, median=statistics.median(seconds), phases=phases)
