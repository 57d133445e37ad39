"""Dated data that travels with the package: see README.md beside this file for where it is from."""

from __future__ import annotations

import functools
import gzip
import json
import zlib
from pathlib import Path

from cws_build.errors import InputError
from cws_build.model.prices import PriceBook
from cws_build.model.regions import RegionTable
from cws_build.places import state_dir

_PRICES = "aws-prices-2026-10-15.json.gz"
_REGIONS = "aws-regions.json"


def refreshed_prices() -> Path:
    """Return where ``prices refresh`` keeps the price book that it has read; it need not be there."""
    return state_dir() / "prices.json.gz"


def price_book() -> PriceBook:
    """Return the list prices: those of the last refresh, or the ones that came with this version where newer.

    Reading them takes about 10 ms, once.

    Raises:
        InputError: The refreshed book is damaged.
    """
    built_in, own = _built_in(), refreshed_prices()
    if not own.is_file():
        return built_in
    refreshed = _refreshed(own, own.stat().st_mtime_ns)
    return max(refreshed, built_in, key=lambda book: book.as_of)


@functools.cache
def region_table() -> RegionTable:
    """Return all regions, with their fallbacks."""
    return RegionTable(json.loads(Path(__file__).with_name(_REGIONS).read_text(encoding="utf-8")))


@functools.cache
def _built_in() -> PriceBook:
    return _read(Path(__file__).with_name(_PRICES))


@functools.lru_cache(maxsize=1)
def _refreshed(path: Path, _changed: int) -> PriceBook:
    try:
        return _read(path)
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{path} is not a price book: {error}", hint="remove it, or run cws-build prices refresh"
        ) from error


def _read(path: Path) -> PriceBook:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return PriceBook(json.load(file))
