"""``cws-build ami restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("ami", metavar="AMI", help="id of an image in the recycle bin; --region says where it is")


def run(invocation: Invocation) -> int:
    """Bring an image back from the recycle bin."""
    from cws_build.actions.retire import restore
    from cws_build.frontends import wording_retire  # noqa: F401  teaches the console the words of these events
    from cws_build.frontends.retiring import report

    return report(invocation, restore(invocation.context, invocation.args.ami, invocation.settings.region))
