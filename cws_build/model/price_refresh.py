"""A newer price book from an older one: what is new, gone or dearer, and when not to believe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.model.price_rows import RegionPrices
    from cws_build.model.prices import PriceBook

_MOST_SHRINKAGE = 0.2
_SAME = 1e-9


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """How a region's list differs from what was known."""

    region: str
    published: str
    types: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[float, float]]
    """Instance type to its old and its new price, USD per hour."""


def difference(book: PriceBook, region: str, new: RegionPrices) -> Refreshed:
    """Compare a region's new list with the book.

    Raises:
        ValueError: The new list cannot be right: it has prices of zero, or lacks a fifth of the types.
    """
    free = sorted(kind for kind, usd in new.on_demand.items() if usd <= 0)
    if free:
        raise ValueError(f"it states a price of zero for {', '.join(free[:3])}")
    old = {kind: usd for kind, row in _rows(book).items() if (usd := row.get(region)) is not None}
    if not new.on_demand or len(new.on_demand) < len(old) * (1 - _MOST_SHRINKAGE):
        raise ValueError(f"it lists {len(new.on_demand)} types, where there were {len(old)}")
    both = old.keys() & new.on_demand.keys()
    return Refreshed(
        region=region,
        published=new.published,
        types=len(new.on_demand),
        added=tuple(sorted(new.on_demand.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.on_demand.keys())),
        changed={
            kind: (old[kind], new.on_demand[kind])
            for kind in sorted(both)
            if abs(old[kind] - new.on_demand[kind]) > _SAME
        },
    )


def renewed(book: PriceBook, lists: Mapping[str, RegionPrices]) -> dict[str, Any]:
    """Return the table of a book in which some regions have their new lists; the others stay as they were.

    Rates of transfer between regions stand in another of AWS's files and stay too.
    """
    rows = _rows(book)
    for region, new in lists.items():
        for row in rows.values():
            row.pop(region, None)
        for kind, usd in new.on_demand.items():
            rows.setdefault(kind, {})[region] = usd
    order = sorted({*book.regions, *lists})
    old = book.table
    dates = {region: book.as_of_region(region) for region in book.regions}
    dates |= {region: new.published for region, new in lists.items()}
    return {
        **old,
        "published": min(dates.values()),
        "regions_published": dates,
        "region_order": order,
        "on_demand": {kind: [row.get(region) for region in order] for kind, row in sorted(rows.items()) if row},
        "regions": _storage(old["regions"], lists),
        "types": _types(book, lists),
    }


def _rows(book: PriceBook) -> dict[str, dict[str, float]]:
    named = book.table["on_demand"].items()
    return {
        kind: {region: usd for region, usd in zip(book.regions, row, strict=True) if usd is not None}
        for kind, row in named
    }


def _storage(old: Mapping[str, Any], lists: Mapping[str, RegionPrices]) -> dict[str, Any]:
    return {**old, **{region: {**old.get(region, {}), **new.storage} for region, new in lists.items()}}


def _types(book: PriceBook, lists: Mapping[str, RegionPrices]) -> dict[str, Any]:
    """Return what is known of each type: the book's own, and for new types what the lists say."""
    fields = book.table["type_fields"]
    types = dict(book.table["types"])
    for new in lists.values():
        for kind, facts in new.types.items():
            if not types.get(kind):
                types[kind] = [facts.get(field) for field in fields]
    return types
