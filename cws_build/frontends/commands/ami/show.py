"""``cws-build ami show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("ami", metavar="AMI", help="id of an image; --region says where it is")
    parser.add_argument("--wait", action="store_true", help="follow an image that is still being made to its end")


def run(invocation: Invocation) -> int:
    """Print everything of an image."""
    from cws_build.actions.show_ami import ShowRequest, show_ami
    from cws_build.frontends import wording_images  # noqa: F401  teaches the console the words of these events
    from cws_build.frontends.showing import report_text

    args = invocation.args
    request = ShowRequest(ami=args.ami, region=invocation.settings.region, wait=args.wait)
    found = show_ami(invocation.context, request)
    invocation.result(found, report_text(found))
    return 0
