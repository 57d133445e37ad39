"""``cws-build reap``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.errors import CloudError, InputError

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.leftovers import Reaped

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("--dry-run", action="store_true", help="list what would go, remove nothing")
    parser.add_argument("--older-than", default="", metavar="D", help="only what is older, such as 30m, 6h, 2d")
    parser.add_argument("--run", default="", metavar="ID", help="this run only, even what it keeps on purpose")
    parser.add_argument("--regions", default="", metavar="R,…", help="look there as well")


def run(invocation: Invocation) -> int:
    """Find, and remove unless told not to."""
    from cws_build.actions.reap import ReapRequest, reap

    args = invocation.args
    request = ReapRequest(
        dry_run=args.dry_run,
        older_than=_seconds(args.older_than),
        run=args.run,
        regions=tuple(filter(None, args.regions.split(","))),
    )
    reaped = reap(invocation.context, request)
    if reaped.failed:
        raise _unfinished(invocation, reaped)
    invocation.result(reaped, "\n".join(_lines(reaped)) or "nothing was left behind")
    return 0


def _lines(reaped: Reaped) -> list[str]:
    verb = "would remove" if reaped.dry_run else "removed"
    gone = [one for one in reaped.found if reaped.dry_run or one.id in reaped.removed]
    lines = [f"{verb} {one.kind} {one.id} in {one.region} {one.detail}".rstrip() for one in gone]
    lines += [f"would mend: {said}" if reaped.dry_run else said for said in reaped.mended]
    lines += [f"kept {one.id}: {one.reason}" for one in reaped.kept if one.id not in reaped.failed]
    if reaped.usd:
        lines.append(f"it has cost ${reaped.usd:.2f} so far, at list prices")
    return lines


def _unfinished(invocation: Invocation, reaped: Reaped) -> CloudError:
    """Return the error that tells what is still there; as JSON, it tells what was removed as well."""
    from msgspec import json

    if not invocation.args.json:
        invocation.result(None, "\n".join(_lines(reaped)))
    reasons = "; ".join(f"{one.id}: {one.reason}" for one in reaped.kept if one.id in reaped.failed)
    return CloudError(
        f"some of it is still there: {reasons}",
        hint="run cws-build reap again in a minute",
        details=json.decode(json.encode({"found": reaped.found, "removed": reaped.removed, "kept": reaped.kept})),
    )


def _seconds(text: str) -> float:
    if not text:
        return 0.0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not match:
        raise InputError(f"'{text}' is not a duration", hint="such as 30m, 6h, 2d")
    return float(match.group(1)) * _UNITS[match.group(2)]
