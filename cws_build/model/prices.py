"""Prices: USD list prices with their date, and nothing where none is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class PriceBook:
    """One dated table of prices.

    Args:
        table: The decoded file: ``region_order``, ``on_demand`` (type to a price per region, in that order),
            ``regions`` (storage prices) and ``published``.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self._column = {region: index for index, region in enumerate(table["region_order"])}

    @property
    def as_of(self) -> str:
        """ISO 8601 time at which the prices were published."""
        return str(self._table["published"])

    def on_demand(self, instance_type: str, region: str) -> float | None:
        """Return USD per hour for a Linux machine on shared hardware, None where it is not listed."""
        row = self._table["on_demand"].get(instance_type)
        column = self._column.get(region)
        return None if row is None or column is None else row[column]

    def snapshot(self, region: str) -> float | None:
        """Return USD per GB and month for snapshots, None where it is not listed."""
        return self._storage(region, "snapshot_gb_month")

    def volume(self, region: str) -> float | None:
        """Return USD per GB and month for gp3 volumes, None where it is not listed."""
        return self._storage(region, "gp3_gb_month")

    def _storage(self, region: str, kind: str) -> float | None:
        price = self._table["regions"].get(region, {}).get(kind)
        return None if price is None else float(price)
