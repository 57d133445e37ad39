"""``cws-build ami rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", metavar="TEMPLATE", help="name, slug or file of a template")
    parser.add_argument("--channel", default="stable", metavar="C", help="stable unless another is named")
    parser.add_argument("--dry-run", action="store_true", help="show what would be named, and move nothing")


def run(invocation: Invocation) -> int:
    """Move the channel back, and print what it names now."""
    from cws_build.actions.rollback import RollbackRequest, rollback
    from cws_build.frontends.commands.ami.promote import describe

    args = invocation.args
    request = RollbackRequest(template=args.template, channel=args.channel, dry_run=args.dry_run)
    found = rollback(invocation.context, request)
    invocation.result(found, describe(found))
    return 0
