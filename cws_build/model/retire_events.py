"""What happens while images age and go."""

from __future__ import annotations

from cws_build.model.events import Event


class ImageChanged(Event, frozen=True, kw_only=True):
    """Something was done with an image, or tried."""

    image: str
    region: str
    what: str
    """``removed``, ``disabled``, ``enabled``, ``deprecated`` or ``restored``."""
    error: str = ""
    snapshots: int = 0
    """So many snapshots are gone with it."""
    notes: tuple[str, ...] = ()


class ImageSpared(Event, frozen=True, kw_only=True):
    """An image that was to go stays: something has begun to use it since."""

    image: str
    region: str
    reason: str
