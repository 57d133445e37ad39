"""Dated data that travels with the package: see README.md beside this file for where it is from."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path

from cws_build.model.prices import PriceBook

_PRICES = "aws-prices-2026-10-15.json.gz"


@functools.cache
def price_book() -> PriceBook:
    """Return the list prices that came with this version; reading them takes about 10 ms."""
    with gzip.open(Path(__file__).with_name(_PRICES), "rt", encoding="utf-8") as file:
        return PriceBook(json.load(file))
