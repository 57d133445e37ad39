"""The events of a launch as lines: the dialogue that people know, with the numbers of their own account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cws_build.frontends.wording import Line, worded
from cws_build.model import launch_events as events

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.model.estimate import Estimate

_MANY = 9.5
"""A ratio from here on is said without decimals."""


@worded(events.ResolutionStarted)
def _resolution_started(event: events.ResolutionStarted) -> Line:
    where = f"AMI in {event.region}..." if event.region else f"AMI for template: {event.template}"
    return Line(f"Resolving {where}", mark="🔍")


@worded(events.ImageFound)
def _image_found(event: events.ImageFound) -> Line:
    if not event.local:
        return Line(f"Found AMI in {event.region}: {event.ami_id} ({_holding(event)})", mark="✅")
    kind = "optimized" if event.layers == event.total_layers else "partial"
    return Line(f"Found {kind} AMI: {event.ami_id} ({event.region}, {_holding(event)})", mark="✅")


@worded(events.NoImageFound)
def _no_image_found(event: events.NoImageFound) -> Line:
    further = ("🔄 Searched fallback regions",) if event.looked_further else ()
    return Line(f"No AMI in {event.region}", mark="❌", also=further)


@worded(events.ImageTaken)
def _image_taken(event: events.ImageTaken) -> Line:
    return Line(f"Using AMI: {event.ami_id}", mark="✅")


@worded(events.LaunchCompared)
def _launch_compared(event: events.LaunchCompared) -> Line:
    return Line(f"Performance: {speed_up(event.estimate, event.script)}", mark="📈")


@worded(events.ScriptRequested)
def _script_requested(event: events.ScriptRequested) -> Line:
    took = f" ({short(event.estimate.p50)} estimated)" if event.estimate else ""
    image = f" ({short(event.image_estimate.p50)})" if event.image_estimate else ""
    there = (f"🔍 AMI available: {event.instead_of}{image}",) if event.instead_of else ()
    return Line(f"Script provisioning requested{took}", mark="⚠️ ", also=there)


@worded(events.CopyOffered)
def _copy_offered(event: events.CopyOffered) -> Line:
    most = "at most " if event.upper_bound else ""
    cost = "nothing in the sandbox" if event.free else f"{most}{money(event.usd)}"
    size = f", {most}{event.gb:.1f} GB" if event.gb is not None else ""
    first, script = _about(event.copy_first), _about(event.script)
    ways = [f"copy, then launch: {first}", f"launch by script now: {script}"]
    if not event.copy_better:
        ways = [f"{ways[1]}, and copy in the background for the next launch", ways[0]]
    elif event.script is None:
        ways = ways[:1]
    known = source(event.seconds, "copy", "copies")
    where = f" from {event.source_region}" if event.source_region else ""
    head = f"Cross-region copy required{where} ({short(event.seconds.p50)} + {cost}{size}; {known})"
    named = [f"   {'better' if index == 0 else 'or':7} {way}" for index, way in enumerate(ways)]
    about = [f"   {line}" for line in (nearer(event.nearer), event.earns) if line]
    care = [f"⚠️  {event.caution}"] if event.caution else []
    return Line(head, mark="📋", also=(*about, *care, *(named if event.asked else ())))


@worded(events.LaunchStarted)
def _launch_started(event: events.LaunchStarted) -> Line:
    layers = ", ".join(event.layers)
    said = {
        "ami": "Launching with pre-built environment...",
        "copy": "Copying the image, then launching with pre-built environment...",
        "hybrid": f"Launching, then running what the image lacks: {layers}",
        "script": f"Launching with script provisioning: {layers}",
    }
    aside = f"🔄 Copying the image from {event.background_copy} in the background, for the next launch"
    return Line(said[event.way], mark="🚀", also=(aside,) if event.background_copy else ())


@worded(events.FellBack)
def _fell_back(event: events.FellBack) -> Line:
    ways = {"script": "script provisioning", "ami": "the image", "hybrid": "the image that lacks some layers"}
    return Line(event.reason, mark="⚠️ ", also=(f"🔄 Falling back to {ways.get(event.way, event.way)}",))


def nearer(regions: Iterable[tuple[str, float | None]]) -> str:
    """Say what copies from nearer regions would have cost; empty where there are none."""
    return "; ".join(f"{region} is nearer and costs {money(usd)}" for region, usd in regions)


def speed_up(estimate: Estimate, script: Estimate) -> str:
    """Say how a launch compares with the script, computed from the two estimates, and whose word they are."""
    times = f"({short(estimate.p50)} vs {short(script.p50)}, {source(estimate)})"
    ratio = script.p50 / estimate.p50 if estimate.p50 else 1.0
    if ratio < 1:
        return f"{factor(1 / ratio)} slower launch {times}"
    return f"{factor(ratio)} faster launch {times}"


def factor(ratio: float) -> str:
    """Return a ratio as people say it: 12x, 4.2x."""
    return f"{ratio:.0f}x" if ratio >= _MANY else f"{ratio:.1f}x"


def source(estimate: Estimate, one: str = "launch", many: str = "launches") -> str:
    """Say what an estimate stands on: ``14 launches here``."""
    if not estimate.n:
        return f"{estimate.source}, none measured here yet"
    counted = f"{estimate.n} {one if estimate.n == 1 else many}"
    return f"{counted} here" if estimate.source == "measured" else f"{estimate.source} by {counted}"


def short(seconds: float) -> str:
    """Return a duration in a few characters: 28s, 5m40s, 1h05m."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def money(usd: float | None) -> str:
    """Return dollars as people see them; a sum below a cent keeps its first digits."""
    if usd is None:
        return "an unknown sum"
    return f"${usd:.2f}" if usd >= 0.01 or not usd else f"${usd:.4f}"  # noqa: PLR2004  cents


def age(created: str) -> str:
    """Return how long ago a time was, in its largest unit."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def _holding(event: events.ImageFound) -> str:
    made = "baked" if event.baked else "made"
    return f"{event.layers} of {event.total_layers} layers, {made} {age(event.created)}"


def _about(estimate: Estimate | None) -> str:
    return f"about {short(estimate.p50)}" if estimate else "time unknown"
