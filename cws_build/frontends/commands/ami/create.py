"""``cws-build ami create``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.copies import FAILED
from cws_build.frontends.creating import add_create_options, check_publicity, create_request, created_text

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_create_options(parser)
    parser.add_argument("--name", required=True, metavar="N", help="what the image is called")


def run(invocation: Invocation) -> int:
    """Make the image."""
    from cws_build.actions.create_ami import create_ami
    from cws_build.actions.create_public import make_public
    from cws_build.frontends import wording_images  # noqa: F401  teaches the console the words of these events

    ctx, request = invocation.context, create_request(invocation, invocation.args.name)
    check_publicity(invocation, request)
    made = create_ami(ctx, request)
    if invocation.args.public:
        made = make_public(ctx, made)
    invocation.result(made, created_text(made))
    return FAILED if made.failed else 0
