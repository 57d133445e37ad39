"""``cws-build prices``: what machine types cost, and newer prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.frontends.options import global_options

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.price_refresh import Refreshed
    from cws_build.model.type_prices import TypePrices

_MOST_NAMES = 8


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    words = parser.add_subparsers(dest="what", metavar="ACTION", required=True)
    show = words.add_parser(
        "show", help="what a machine type costs, in one region or in all", parents=[global_options()]
    )
    show.add_argument("type", metavar="TYPE", help="such as t3.large")
    refresh = words.add_parser(
        "refresh", help="read AWS's public price files; needs no account", parents=[global_options()]
    )
    refresh.add_argument("--regions", default="", metavar="R,…", help="these alone; a list has up to hundreds of MB")
    refresh.add_argument("--from", dest="base", default="", metavar="URL", help="a mirror of AWS's price files")


def run(invocation: Invocation) -> int:
    """Show prices, or refresh them."""
    return _show(invocation) if invocation.args.what == "show" else _refresh(invocation)


def _show(invocation: Invocation) -> int:
    from cws_build.actions.show_prices import show_prices

    # Only what was asked for counts: without --region, the point is to see all of them.
    found = show_prices(invocation.args.type, invocation.args.region)
    invocation.result(found, _prices_text(found))
    return 0


def _prices_text(found: TypePrices) -> str:
    from cws_build.frontends.table import table, usd

    facts = found.facts
    head = f"{found.instance_type}"
    if facts:
        gpu = f", {facts.gpus} x {facts.gpu}" if facts.gpus else ""
        head += f": {facts.vcpus} vCPU, {facts.memory_gib:g} GiB, {facts.architecture}{gpu}"
    rows = [
        (region, f"{usd(price.usd_hour)}/hour", price.kind, price.as_of[:10]) if price else (region, "?", "unknown", "")
        for region, price in found.regions.items()
    ]
    return f"{head}\n{table(('region', 'price', 'kind', 'as of'), rows)}"


def _refresh(invocation: Invocation) -> int:
    from cws_build.actions.refresh_prices import refresh_prices
    from cws_build.wiring import price_files

    regions = [name for name in (invocation.args.regions or invocation.args.region).split(",") if name]
    found = refresh_prices(invocation.context, price_files(invocation.args.base), regions)
    document: list[Any] = [*found]
    invocation.result({"regions": document}, "\n".join(_refreshed(one) for one in found))
    return 0


def _refreshed(one: Refreshed) -> str:
    lines = [f"{one.region}: {one.types} types, published {one.published[:10]}"]
    if one.added:
        lines.append(f"  new: {_names(one.added)}")
    if one.removed:
        lines.append(f"  gone: {_names(one.removed)}")
    lines += [f"  {kind}: ${old:g} is now ${new:g} an hour" for kind, (old, new) in one.changed.items()]
    return "\n".join(lines)


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
