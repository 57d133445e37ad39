"""``cws-build ami create-multi``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.copies import FAILED, add_copy_options, agree_beforehand, kms_keys
from cws_build.frontends.creating import add_create_options, check_publicity, create_request, created_text
from cws_build.frontends.region_options import named_regions

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_create_options(parser)
    parser.add_argument("--name", default="", metavar="N", help="what the image is called; else by machine and version")
    add_copy_options(parser, required=True)
    parser.add_argument("--dry-run", action="store_true", help="print what it would cost at most, do nothing")


def run(invocation: Invocation) -> int:
    """Ask where it costs, make the image, and copy it."""
    from cws_build.actions.create_multi import copies_usd, create_multi
    from cws_build.actions.create_public import make_public
    from cws_build.actions.default_name import default_name
    from cws_build.actions.plan_copies import check_regions
    from cws_build.frontends import wording_images  # noqa: F401  teaches the console the words of these events

    args, ctx = invocation.args, invocation.context
    regions = named_regions(args.regions)
    check_regions(regions)
    name = args.name or default_name(ctx, args.template, args.instance, args.version)
    request = create_request(invocation, name, regions, kms_keys(args))
    usd = copies_usd(ctx, request)
    if args.dry_run:
        document = {"name": name, "regions": regions, "usd": usd, "upper_bound": True}
        invocation.result(document, _plan_text(name, regions, usd))
        return 0
    check_publicity(invocation, request)
    agreed = agree_beforehand(invocation, usd, regions)
    made = create_multi(ctx, request, agreed=agreed)
    if args.public:
        made = make_public(ctx, made)
    invocation.result(made, created_text(made))
    return FAILED if made.failed else 0


def _plan_text(name: str, regions: tuple[str, ...], usd: float | None) -> str:
    from cws_build.frontends.wording_launch import money

    return f"{name}, in {', '.join(regions)}: the copies cost at most {money(usd)}, the size of the machine's disk"
