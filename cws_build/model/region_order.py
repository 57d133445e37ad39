"""Which region stands in for which: a hub-ordered rule, as no nearest-first rule gives the table that people know.

From the regions that an account may use, in the same partition: first a *sibling*, which is in the same country,
or not far away in the same area (``us-west``, ``ap-northeast``); then the hubs of the same part of the world by
distance; then its other regions, the same country's first. Three are kept, and the global hub is one of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cws_build.model.regions import Region

_MOST = 3
_SIBLING_KM = 2500
_EARTH_KM = 12742
"""Its mean diameter."""


def kilometres(here: Region, there: Region) -> float:
    """Return the distance over ground, by the haversine formula."""
    turn = math.radians
    height = math.sin(turn(there.lat - here.lat) / 2) ** 2
    width = math.sin(turn(there.lon - here.lon) / 2) ** 2
    return _EARTH_KM * math.asin(math.sqrt(height + math.cos(turn(here.lat)) * math.cos(turn(there.lat)) * width))


def derive(
    target: Region, regions: Mapping[str, Region], usable: Iterable[str], hubs: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the regions to look in when a region has no image, best first.

    Args:
        target: The region that has none.
        regions: All regions, by code.
        usable: Those that the account may use; others, and those of other partitions, are left out.
        hubs: The regions that most images are in; the first one is the global hub.
    """
    around = [regions[code] for code in usable if code in regions and code != target.code]
    around = [one for one in around if one.partition == target.partition]
    found = [one.code for one in _siblings(target, around, hubs)[:1]]
    for one in [*_nearest_hubs(target, around, hubs), *_same_world(target, around)]:
        if one.code not in found:
            found.append(one.code)
    found = found[:_MOST]
    global_hub = hubs[0]
    if global_hub not in {target.code, *found} and any(one.code == global_hub for one in around):
        found[_MOST - 1 :] = [global_hub]
    return tuple(found)


def _siblings(target: Region, around: list[Region], hubs: tuple[str, ...]) -> list[Region]:
    near = [
        one
        for one in around
        if one.country == target.country or (one.area == target.area and kilometres(one, target) <= _SIBLING_KM)
    ]
    return sorted(near, key=lambda one: (one.area != target.area, one.code not in hubs, kilometres(one, target)))


def _nearest_hubs(target: Region, around: list[Region], hubs: tuple[str, ...]) -> list[Region]:
    ours = [one for one in around if one.code in hubs and one.geo == target.geo]
    return sorted(ours, key=lambda one: kilometres(one, target))


def _same_world(target: Region, around: list[Region]) -> list[Region]:
    ours = [one for one in around if one.geo == target.geo]
    return sorted(ours, key=lambda one: (one.country != target.country, kilometres(one, target)))
