"""Prices: USD list prices with their date, extrapolated ones that say so, and nothing where none is known."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from cws_build.model.price_ratio import extrapolated

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "AWS price list"


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A price per hour, and how far it can be trusted."""

    usd_hour: float
    kind: Literal["list", "extrapolated", "live"]
    """``extrapolated``: the type is not listed in this region; taken from its family's ratio elsewhere."""
    as_of: str
    """ISO 8601 date of the price list."""
    source: str
    """Whose word it is, such as ``AWS price list``."""


class TypeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance type is."""

    name: str
    vcpus: int
    memory_gib: float
    architecture: str
    gpus: int = 0
    gpu: str = ""
    """Such as ``NVIDIA T4``."""
    current: bool = True
    """Of the generation that AWS recommends."""
    bare_metal: bool = False
    burstable: bool = False

    @property
    def family(self) -> str:
        """Such as ``t4g``."""
        return self.name.partition(".")[0]


class PriceBook:
    """One dated table of prices.

    Args:
        table: The decoded file: ``region_order``, ``on_demand`` (type to a price per region, in that order),
            ``regions`` (storage and transfer), ``special_pairs``, ``type_fields``, ``types`` and ``published``.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self._column = {region: index for index, region in enumerate(table["region_order"])}

    @property
    def as_of(self) -> str:
        """ISO 8601 time at which the prices were published; the oldest, where regions differ."""
        return str(self._table["published"])

    def as_of_region(self, region: str) -> str:
        """Return when a region's prices were published; a refresh may have read some regions alone."""
        return str(self._table.get("regions_published", {}).get(region, self.as_of))

    @property
    def table(self) -> Mapping[str, Any]:
        """The decoded file, for making a newer one from it."""
        return self._table

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region that has prices."""
        return tuple(self._column)

    @functools.cached_property
    def types(self) -> Mapping[str, TypeFacts]:
        """Every instance type of which more than its price is known, by name."""
        fields = self._table["type_fields"]
        rows = {name: dict(zip(fields, row, strict=True)) for name, row in self._table["types"].items() if row}
        return {name: _facts(name, row) for name, row in rows.items() if row["vcpu"] and row["arch"]}

    def knows(self, instance_type: str) -> bool:
        """Tell whether a type has a price anywhere."""
        return bool(instance_type in self._table["on_demand"])

    def offers(self, instance_type: str, region: str) -> bool:
        """Tell whether a type has a list price in a region, which is where AWS sells it."""
        return self._listed(instance_type, region) is not None

    def price(self, instance_type: str, region: str) -> Price | None:
        """Return what an hour of a Linux machine on shared hardware costs on demand, None where nobody can tell.

        A type that is not listed in the region is extrapolated, which its price says.
        """
        usd = self._listed(instance_type, region)
        if usd is not None:
            return Price(usd_hour=usd, kind="list", as_of=self.as_of_region(region), source=SOURCE)
        column = self._column.get(region)
        guess = None if column is None else extrapolated(self._table["on_demand"], instance_type, column, self._home)
        if guess is None:
            return None
        return Price(usd_hour=guess, kind="extrapolated", as_of=self.as_of_region(region), source=SOURCE)

    def snapshot(self, region: str) -> float | None:
        """Return USD per GB and month for snapshots, None where it is not listed."""
        return self._storage(region, "snapshot_gb_month")

    def volume(self, region: str) -> float | None:
        """Return USD per GB and month for gp3 volumes, None where it is not listed."""
        return self._storage(region, "gp3_gb_month")

    def transfer(self, source: str, target: str) -> float | None:
        """Return USD per GB for what goes from one region to another: the source's rate, None where unknown."""
        if source == target:
            return 0.0
        special = self._table["special_pairs"].get(f"{source}>{target}")
        return float(special) if special is not None else self._storage(source, "interregion_out_gb")

    def transfer_is_estimated(self, source: str) -> bool:
        """Tell whether a region's rate of transfer is no list price but taken from its neighbours."""
        return bool(self._table["regions"].get(source, {}).get("interregion_out_source") == "estimate")

    @property
    def _home(self) -> int:
        return self._column["us-east-1"]

    def _listed(self, instance_type: str, region: str) -> float | None:
        row = self._table["on_demand"].get(instance_type)
        column = self._column.get(region)
        return None if row is None or column is None else row[column]

    def _storage(self, region: str, kind: str) -> float | None:
        price = self._table["regions"].get(region, {}).get(kind)
        return None if price is None else float(price)


def _facts(name: str, row: Mapping[str, Any]) -> TypeFacts:
    return TypeFacts(
        name=name,
        vcpus=int(row["vcpu"]),
        memory_gib=float(row["memory_gib"]),
        architecture=row["arch"],
        gpus=int(row["gpu_count"] or 0),
        gpu=row["gpu_name"] or "",
        current=bool(row["current_generation"]),
        bare_metal=bool(row["bare_metal"]),
        burstable=bool(row["burstable"]),
    )
