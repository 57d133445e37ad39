"""Keeps every event of a run in its folder, as JSON lines: ``runs/<run>/events.jsonl`` in the state folder."""

from __future__ import annotations

import msgspec

from cws_build import Event, hookimpl, state_dir


@hookimpl
def cws_event(event: Event) -> None:
    """Append an event to its run's log; events outside of a run are nobody's."""
    folder = state_dir() / "runs" / event.run
    if event.run and folder.is_dir():
        with (folder / "events.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(event) + b"\n")
