"""Answers with the list prices that came with cws-build; a site's own plugin is asked before this one."""

from __future__ import annotations

from cws_build import Price, hookimpl, price_book


@hookimpl
def cws_hourly_price(instance_type: str, region: str) -> Price | None:
    """Return the list price, or one extrapolated from the type's family, which says so; None where neither is known."""
    return price_book().price(instance_type, region)
