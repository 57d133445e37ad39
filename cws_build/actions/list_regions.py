"""The regions, and where an image is looked for that one of them lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.data import region_table

if TYPE_CHECKING:
    from cws_build.model.regions import Region
    from cws_build.model.settings import Settings


def list_regions() -> list[Region]:
    """Return all regions, as the table orders them."""
    return list(region_table())


def list_fallbacks(settings: Settings, code: str = "") -> dict[str, tuple[str, ...]]:
    """Return the fallbacks of one region, or of all; rows of the settings count first. Raises InputError."""
    table, own = region_table(), settings.resolve.fallback_regions
    wanted = [table.find(code).code] if code and code not in own else [code] if code else [one.code for one in table]
    return {one: table.fallbacks(one, own) for one in wanted}
