"""The events of images that are made and copied as lines: the dialogue that people know, with true numbers."""

from __future__ import annotations

from cws_build.frontends.bars import bar
from cws_build.frontends.table import counted
from cws_build.frontends.wording import Line, worded
from cws_build.frontends.wording_launch import money, short, source
from cws_build.model import image_events as events
from cws_build.model.launch_events import CopyProgress


@worded(events.ImagingStarted)
def _imaging_started(event: events.ImagingStarted) -> Line:
    if event.regions:
        return Line("Creating AMI in multiple regions...", mark="🌍", also=(_creating(event.instance),))
    return Line(f"Creating AMI from instance: {event.instance}", mark="🔧")


@worded(events.SnapshotStarted)
def _snapshot_started(event: events.SnapshotStarted) -> Line:
    care = ("⚠️  It goes on running: the image is only as consistent as after a power cut",) if event.running else ()
    return Line("Creating snapshot of root volume...", mark="📸", also=care)


@worded(events.ImageBuilding)
def _image_building(event: events.ImageBuilding) -> Line:
    known = source(event.estimate, "image", "images")
    return Line(f"Building AMI: {event.name} ({event.image}, about {short(event.estimate.p50)}; {known})", mark="🏗️ ")


@worded(events.ImageProgressed)
def _image_progressed(event: events.ImageProgressed) -> Line:
    text = f"{event.image:22} {bar(event.percent)}  {short(event.seconds)}"
    return Line(text, "dim", passing=True, slot=event.image)


@worded(events.ImageMade)
def _image_made(event: events.ImageMade) -> Line:
    took = f" ({event.region}, {short(event.seconds)})" if event.seconds else f" ({event.region})"
    return Line(f"AMI created: {event.image}{took}", mark="✅", slot=event.image)


@worded(events.DistributionStarted)
def _distribution_started(event: events.DistributionStarted) -> Line:
    text = f"Copying {event.image} from {event.region} to {', '.join(event.regions)}"
    if event.longest is None:
        return Line(text, mark="🌍")
    cost = "nothing in the sandbox" if event.free else money(event.usd)
    known = source(event.longest, "copy", "copies")
    return Line(text, mark="🌍", also=(f"   about {short(event.longest.p50)} + {cost} ({known})",))


@worded(events.CopyQueued)
def _copy_queued(event: events.CopyQueued) -> Line:
    return Line(f"{event.region} takes no more at the moment; the copy waits for its turn ({event.reason})", mark="⏳")


@worded(events.CopyBegun)
def _copy_begun(event: events.CopyBegun) -> Line:
    about = f"about {short(event.estimate.p50)}" if event.estimate else "begun before"
    text = f"{event.region:16} {bar(None)}  {event.image} from {event.source_region}, {about}"
    return Line(text, "dim", passing=True, slot=event.region)


@worded(CopyProgress)
def _copy_progress(event: CopyProgress) -> Line:
    text = f"{event.region:16} {bar(event.percent)}  {event.image} {short(event.seconds)}"
    return Line(text, "dim", passing=True, slot=event.region)


@worded(events.CopyEnded)
def _copy_ended(event: events.CopyEnded) -> Line:
    took = f" ({short(event.seconds)})" if event.seconds else ""
    if event.error:
        what = f" {event.image}:" if event.image else ""
        return Line(f"Copying to {event.region}... ❌{what} {event.error}", "warn", mark="🔄", slot=event.region)
    return Line(f"Copying to {event.region}... ✅ {event.image}{took}", mark="🔄", slot=event.region)


@worded(events.DistributionFinished)
def _distribution_finished(event: events.DistributionFinished) -> Line:
    if event.failed:
        said = f"{', '.join(event.failed)} did not succeed; the image is in {counted(event.there, 'region')}"
        return Line(said, "warn", mark="⚠️ ", also=("→ the same command again goes on with what is missing",))
    if event.pending:
        return Line(f"Begun in {', '.join(event.pending)}; the same command again waits and finishes", mark="🔄")
    return Line(f"Multi-region AMI deployment complete: {counted(event.there, 'region')}", mark="✅")


def _creating(instance: str) -> str:
    return f"📸 Creating master AMI from instance: {instance}"
