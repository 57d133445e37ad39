"""The events of images that age and go, as lines."""

from __future__ import annotations

from cws_build.frontends.wording import Line, worded
from cws_build.model import retire_events as events

_MARKS = {"removed": "🗑️ ", "disabled": "⏸️ ", "enabled": "▶️ ", "deprecated": "📅", "restored": "♻️ "}


@worded(events.ImageChanged)
def _image_changed(event: events.ImageChanged) -> Line:
    if event.error:
        return Line(f"{event.image} in {event.region} not {event.what}: {event.error}", "warn", mark="❌")
    with_it = f", with {event.snapshots} snapshots" if event.snapshots else ""
    said = f": {'; '.join(event.notes)}" if event.notes else ""
    return Line(f"{event.image} in {event.region} {event.what}{with_it}{said}", mark=_MARKS[event.what])


@worded(events.ImageSpared)
def _image_spared(event: events.ImageSpared) -> Line:
    return Line(f"{event.image} in {event.region} stays: {event.reason}", "warn", mark="⚠️ ")
