"""What a leftover is: how old, and what it has cost at list prices."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from cws_build.data import price_book
from cws_build.model.leftovers import Leftover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.model.image import Resource

_HOURS_PER_MONTH = 730
_PAID = {"instance", "volume", "snapshot"}


def leftover(ctx: Context, resource: Resource, began: str) -> Leftover:
    """Return a resource with its age and its cost.

    Args:
        ctx: The context.
        resource: What was found.
        began: When its run began, ISO 8601; empty where that is not known here.
    """
    since = resource.created or began
    age = (ctx.clock() - datetime.fromisoformat(since)).total_seconds() if since else None
    usd, reason = _cost(ctx, resource, age)
    return Leftover(
        kind=resource.kind,
        id=resource.id,
        region=resource.region,
        age_seconds=age,
        run=resource.run,
        usd_so_far=usd,
        reason=reason or ("" if since else f"EC2 does not tell the age of a {resource.kind.replace('_', ' ')}"),
        detail=resource.detail,
    )


def total(found: Sequence[Leftover]) -> float | None:
    """Return what all of it has cost; None where one price is unknown."""
    costs = [one.usd_so_far for one in found]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def _cost(ctx: Context, resource: Resource, age: float | None) -> tuple[float | None, str]:
    if ctx.sandbox:
        return None, "the sandbox has no prices"
    if resource.kind not in _PAID:
        return 0.0, ""
    if age is None:
        return None, f"EC2 did not tell the age of the {resource.kind}"
    hourly = _hourly(resource)
    if hourly is None:
        return None, f"no list price of {resource.detail} in {resource.region}"
    return hourly * age / 3600, ""


def _hourly(resource: Resource) -> float | None:
    prices = price_book()
    if resource.kind == "instance":
        price = prices.price(resource.detail, resource.region)
        return price.usd_hour if price else None
    monthly = prices.snapshot(resource.region) if resource.kind == "snapshot" else prices.volume(resource.region)
    return None if monthly is None else monthly * float(resource.detail.split()[0]) / _HOURS_PER_MONTH
