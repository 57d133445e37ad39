"""One region's price file: which of its rows count, and what they say.

The list has a row per tenancy, licence, preinstalled software and reservation. Taking any of them for "the price"
is the mistake that makes other collections wrong, so a row counts only where every column says plain Linux on
shared hardware on demand. Columns: the "Bulk API" chapter of the AWS Price List guide.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PLAIN = {
    "TermType": "OnDemand",
    "Unit": "Hrs",
    "Currency": "USD",
    "Location Type": "AWS Region",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "License Model": "No License required",
    "Pre Installed S/W": "NA",
    "CapacityStatus": "Used",
    "MarketOption": "OnDemand",
}
_PUBLISHED = "Publication Date"


class RegionPrices(msgspec.Struct, kw_only=True):
    """What one region's file says."""

    published: str = ""
    on_demand: dict[str, float] = {}
    """Instance type to USD per hour."""
    types: dict[str, dict[str, Any]] = {}
    """Instance type to the fields of the price book."""
    storage: dict[str, float] = {}
    """``gp3_gb_month`` and ``snapshot_gb_month``."""


def read_region(lines: Iterable[str]) -> RegionPrices:
    """Read a region's CSV file.

    Raises:
        ValueError: It is not such a file.
    """
    found = RegionPrices()
    for row in _rows(lines, found):
        kind = row.get("Instance Type", "")
        if kind and "BoxUsage:" in row.get("usageType", "") and all(row.get(k) == v for k, v in _PLAIN.items()):
            found.on_demand[kind] = float(row["PricePerUnit"])
            found.types[kind] = _type(kind, row)
        elif row.get("TermType") == "OnDemand" and (name := _storage(row)):
            found.storage[name] = float(row["PricePerUnit"])
    return found


def _rows(lines: Iterable[str], found: RegionPrices) -> Iterator[Mapping[str, str]]:
    """Yield the rows below the header; what stands above it are facts about the file."""
    read = csv.reader(lines)
    for row in read:
        if row[:1] == ["SKU"]:
            break
        if row[:1] == [_PUBLISHED] and len(row) > 1:
            found.published = row[1]
    else:
        raise ValueError("it has no header row")
    if not found.published:
        raise ValueError("it has no publication date")
    for values in read:
        yield dict(zip(row, values, strict=False))


def _storage(row: Mapping[str, str]) -> str:
    if row.get("Product Family") == "Storage" and row.get("Volume API Name") == "gp3":
        return "gp3_gb_month"
    snapshot = row.get("Product Family") == "Storage Snapshot"
    return "snapshot_gb_month" if snapshot and row.get("usageType", "").endswith("EBS:SnapshotUsage") else ""


def _type(kind: str, row: Mapping[str, str]) -> dict[str, Any]:
    memory = re.match(r"[\d.,]+", row.get("Memory", ""))
    graviton = "Graviton" in row.get("Physical Processor", "")
    return {
        "vcpu": int(row.get("vCPU") or 0),
        "memory_gib": float(memory.group().replace(",", "")) if memory else 0.0,
        "arch": "arm64" if graviton else "x86_64",
        "gpu_count": int(row.get("GPU") or 0) if (row.get("GPU") or "0").isdigit() else 0,
        "gpu_name": "",
        "current_generation": int(row.get("Current Generation") == "Yes"),
        "bare_metal": int(".metal" in kind),
        "burstable": int(bool(re.match(r"t\d", kind))),
        "ebs_baseline_mbps": None,
    }
