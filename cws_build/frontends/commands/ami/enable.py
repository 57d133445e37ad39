"""``cws-build ami enable``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.retiring import add_images, report, request_of

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_images(parser)


def run(invocation: Invocation) -> int:
    """Enable images, with the shares that they had."""
    from cws_build.actions.retire import enable

    return report(invocation, enable(invocation.context, request_of(invocation)))
