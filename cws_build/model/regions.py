"""Regions: where they are, which one stands in for which, and what may leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.errors import InputError
from cws_build.model.problem import did_you_mean
from cws_build.model.region_order import derive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """One region of AWS."""

    code: str
    name: str
    partition: str
    lat: float
    lon: float
    country: str
    geo: str
    """Part of the world: ``amer``, ``emea`` or ``apac``."""
    enabled_by_default: bool
    """False: an account has to opt in to it first."""
    gdpr: str
    """``eea``, ``adequate`` (the Commission has said so) or ``other``."""
    fallbacks: tuple[str, ...]

    @property
    def area(self) -> str:
        """The code without its number, such as ``us-west``."""
        return self.code.rpartition("-")[0]


class RegionTable:
    """All regions.

    Args:
        document: The decoded file: ``hubs``, ``global_hub`` and ``regions``.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        rows = document["regions"].items()
        self._regions = {code: msgspec.convert({**row, "code": code}, Region) for code, row in rows}
        hub = str(document["global_hub"])
        self._hubs = (hub, *(code for code in document["hubs"] if code != hub))

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions.values())

    def find(self, code: str) -> Region:
        """Return a region; raises InputError for a code that no region has, with the nearest one."""
        if code not in self._regions:
            nearest = did_you_mean(code, list(self._regions))
            raise InputError(f"'{code}' is not a region", hint=f"{nearest} cws-build regions lists them".lstrip())
        return self._regions[code]

    def knows(self, code: str) -> bool:
        """Tell whether there is such a region in the table; AWS may have opened newer ones."""
        return code in self._regions

    def fallbacks(
        self, code: str, own: Mapping[str, Sequence[str]] | None = None, enabled: Iterable[str] | None = None
    ) -> tuple[str, ...]:
        """Return where to look for an image that a region lacks, best first; never the region itself, each once.

        Args:
            code: The region; one that is not known has no fallbacks of its own.
            own: The setting ``resolve.fallback_regions``, whose row wins.
            enabled: The regions that the account may use; None for those that every account may.
        """
        if own and code in own:
            return tuple(dict.fromkeys(one for one in own[code] if one != code))
        if code not in self._regions:
            return ()
        region = self._regions[code]
        if enabled is None:
            return region.fallbacks
        return derive(region, self._regions, enabled, self._hubs)

    def derived(self, code: str) -> tuple[str, ...]:
        """Return what the rule gives among the regions that every account may use."""
        usable = [one.code for one in self._regions.values() if one.enabled_by_default]
        return derive(self.find(code), self._regions, usable, self._hubs)
