"""``cws-build regions``: where AWS is, and which region stands in for which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.frontends.options import global_options

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.regions import Region


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    words = parser.add_subparsers(dest="what", metavar="ACTION")
    words.add_parser(
        "list", help="every region, with its name and whether an account has to opt in", parents=[global_options()]
    )
    fallbacks = words.add_parser(
        "fallbacks", help="where an image is looked for that a region lacks, best first", parents=[global_options()]
    )
    fallbacks.add_argument("code", nargs="?", default="", metavar="REGION", help="this region alone")


def run(invocation: Invocation) -> int:
    """List regions, or their fallbacks."""
    return _fallbacks(invocation) if invocation.args.what == "fallbacks" else _list(invocation)


def _list(invocation: Invocation) -> int:
    from cws_build.actions.list_regions import list_regions
    from cws_build.frontends.table import table

    found = list_regions()
    rows = [(one.code, one.name, "yes" if one.enabled_by_default else "opt in", one.partition) for one in found]
    invocation.result(
        {"regions": [_document(one) for one in found]},
        table(("region", "name", "enabled", "partition"), rows),
    )
    return 0


def _document(region: Region) -> dict[str, Any]:
    return {
        "region": region.code,
        "name": region.name,
        "partition": region.partition,
        "enabled_by_default": region.enabled_by_default,
        "country": region.country,
        "gdpr": region.gdpr,
    }


def _fallbacks(invocation: Invocation) -> int:
    from cws_build.actions.list_regions import list_fallbacks

    found = list_fallbacks(invocation.settings, invocation.args.code)
    lines = [f"{code} → {', '.join(row) or 'none'}" for code, row in found.items()]
    invocation.result({"fallbacks": found}, "\n".join(lines))
    return 0
