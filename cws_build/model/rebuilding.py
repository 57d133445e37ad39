"""What became of a rebuild of the store."""

from __future__ import annotations

import msgspec


class RegionRebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """One region of a rebuild."""

    images: int = 0
    """The project's own images that were looked at."""
    restored: dict[str, int] = {}
    """Kind -> records that were not there."""
    known: dict[str, int] = {}
    """Kind -> records that the store had, which stay as they are."""
    error: str = ""
    """Why the region, or a part of it, could not be read."""
    hint: str = ""


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """A rebuild of the store."""

    regions: dict[str, RegionRebuilt]

    @property
    def failed(self) -> tuple[str, ...]:
        """The regions that could not be read, or not wholly."""
        return tuple(name for name, region in self.regions.items() if region.error)
