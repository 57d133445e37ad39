"""Read AWS's public price files into a price book of one's own, which then counts instead of the built-in one."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

from cws_build.data import price_book, refreshed_prices
from cws_build.errors import CloudError, InputError, ToolError
from cws_build.model.events import StepFinished
from cws_build.model.price_refresh import Refreshed, difference, renewed
from cws_build.model.price_rows import RegionPrices, read_region
from cws_build.model.problem import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.ports.price_files import PriceFiles


def refresh_prices(ctx: Context, files: PriceFiles, regions: Sequence[str] = ()) -> list[Refreshed]:
    """Read the lists of some regions, or of all; nothing is kept unless every one of them can be right.

    Raises:
        InputError: There is no list of a region.
        CloudError: A file cannot be read, or cannot be right.
        ToolError: The price book cannot be written.
    """
    book, there = price_book(), files.regions()
    for region in regions:
        if region not in there:
            nearest = did_you_mean(region, list(there))
            raise InputError(f"there is no price list of '{region}'", hint=nearest or "cws-build regions")
    lists: dict[str, RegionPrices] = {}
    found: list[Refreshed] = []
    for region in regions or sorted(there):
        try:
            lists[region] = read_region(files.lines(there[region]))
            found.append(difference(book, region, lists[region]))
        except ValueError as error:
            raise CloudError(
                f"the price list of {region} cannot be right: {error}",
                hint=f"the prices of {book.as_of[:10]} stay in use",
            ) from error
        ctx.emit(StepFinished(title=f"read the prices of {region}", outcome=f"{found[-1].types} types"))
    _keep(renewed(book, lists))
    return found


def _keep(table: dict[str, object]) -> None:
    path = refreshed_prices()
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(new, "wt", encoding="utf-8") as file:
            json.dump(table, file, separators=(",", ":"))
        new.replace(path)
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}", hint="df -h shows how full the disk is") from error
