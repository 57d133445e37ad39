"""The options by which words of several regions are told which ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation

_ALL = "every region that this account may use: those that need no opt-in, and those that it has opted in to"


def add_region_options(parser: argparse.ArgumentParser, every: str = _ALL) -> None:
    """Add ``--regions`` and ``--all-regions``.

    Args:
        parser: Of the command.
        every: What ``--all-regions`` means, for a command that asks no account.
    """
    parser.add_argument("--regions", default="", metavar="R,…", help="instead of the region that is worked in")
    parser.add_argument("--all-regions", action="store_true", help=every)


def named_regions(text: str) -> tuple[str, ...]:
    """Return the regions of a comma-separated list, each once, in its order."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def regions_of(invocation: Invocation) -> tuple[str, ...]:
    """Return the regions that were asked for; empty for the one that is worked in.

    ``--all-regions`` asks the account for them, with one call.
    """
    if invocation.args.all_regions:
        from cws_build.actions.own_regions import usable_regions

        return usable_regions(invocation.context)
    return named_regions(invocation.args.regions)
