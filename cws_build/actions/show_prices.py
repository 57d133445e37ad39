"""What an instance type costs by the price book."""

from __future__ import annotations

from cws_build.data import price_book, region_table
from cws_build.errors import InputError
from cws_build.model.problem import did_you_mean
from cws_build.model.type_prices import TypePrices


def show_prices(instance_type: str, region: str = "") -> TypePrices:
    """Return the prices of a type in one region, or in every region that sells it.

    Raises:
        InputError: The book knows neither the type nor, when one is named, the region.
    """
    book = price_book()
    if not book.knows(instance_type):
        nearest = did_you_mean(instance_type, list(book.table["on_demand"]))
        raise InputError(
            f"{instance_type} is not in the price book of {book.as_of[:10]}",
            hint=f"{nearest} cws-build prices refresh learns new types".lstrip(),
        )
    if region and region not in book.regions:
        region_table().find(region)  # a region that AWS has, but no price list yet, is no mistake
    wanted = [region] if region else [one for one in book.regions if book.offers(instance_type, one)]
    return TypePrices(
        instance_type=instance_type,
        facts=book.types.get(instance_type),
        regions={one: book.price(instance_type, one) for one in wanted},
    )
