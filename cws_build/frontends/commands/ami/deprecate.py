"""``cws-build ami deprecate``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.frontends.retiring import add_images, report, request_of

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_images(parser)
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--at", default="", metavar="DATE", help="such as 2027-01-31; UTC unless it names a zone")
    when.add_argument("--in", default="", dest="within", metavar="D", help="such as 90d, 12w, 6m, 1y")
    when.add_argument("--undo", action="store_true", help="take the date away again")


def run(invocation: Invocation) -> int:
    """Set the day from which others' searches do not show images."""
    from cws_build.actions.retire import deprecate

    args, ctx = invocation.args, invocation.context
    at = "never" if args.undo else args.at
    if args.within:
        at = (ctx.clock() + _duration(args.within)).isoformat(timespec="seconds")
    return report(invocation, deprecate(ctx, request_of(invocation), at))


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,5})([dwmy])", text)
    if not match:
        raise InputError(f"'{text}' is not a duration", hint="such as 90d, 12w, 6m, 1y")
    return timedelta(days=int(match.group(1)) * _DAYS[match.group(2)])
