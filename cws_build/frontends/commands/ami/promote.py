"""``cws-build ami promote``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.region_options import add_region_options, regions_of

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.promote import Promotion
    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", metavar="TEMPLATE", help="name, slug or file of a template")
    parser.add_argument("version", metavar="VERSION", help="as cws-build ami versions lists it")
    parser.add_argument("--channel", default="stable", metavar="C", help="stable unless another is named")
    add_region_options(parser)
    parser.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="this architecture alone")
    parser.add_argument("--now", action="store_true", help="whatever age the channel asks for")
    parser.add_argument("--dry-run", action="store_true", help="show what would be named, and move nothing")


def run(invocation: Invocation) -> int:
    """Move the channel, and print what it names now."""
    from cws_build.actions.promote import PromoteRequest, promote

    args = invocation.args
    request = PromoteRequest(
        template=args.template,
        version=args.version,
        channel=args.channel,
        regions=regions_of(invocation),
        architecture=args.arch,
        at_once=args.now,
        dry_run=args.dry_run,
    )
    found = promote(invocation.context, request)
    invocation.result(found, describe(found))
    return 0


def describe(found: Promotion) -> str:
    """Return what a channel names now, as people read it."""
    was = f" (was {found.before})" if found.before else ""
    head = "would name" if found.dry_run else "names"
    lines = [f"{'📋' if found.dry_run else '✅'} {found.channel} of {found.template} {head} {found.version}{was}"]
    lines += [f"  {where}: {ident}  {found.parameters[where]}" for where, ident in found.targets.items()]
    return "\n".join([*lines, *(f"⚠️  {warning}" for warning in found.warnings)])
