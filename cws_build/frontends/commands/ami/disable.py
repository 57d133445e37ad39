"""``cws-build ami disable``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.retiring import add_consent, add_images, consented, report, request_of

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_images(parser)
    add_consent(parser)


def run(invocation: Invocation) -> int:
    """Disable images; their shares are written down first."""
    from cws_build.actions.plan_retire import plan_retire
    from cws_build.actions.retire import disable

    plan = plan_retire(invocation.context, "disable", request_of(invocation))
    return report(invocation, disable(invocation.context, consented(invocation, plan)))
