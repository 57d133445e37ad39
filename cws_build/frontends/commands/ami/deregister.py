"""``cws-build ami deregister``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.retiring import add_consent, add_images, consented, plan_text, report, request_of

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_images(parser)
    add_consent(parser)
    parser.add_argument("--unprotect", action="store_true", help="end their protection against deregistration first")
    parser.add_argument("--dry-run", action="store_true", help="tell what uses them, and remove nothing")


def run(invocation: Invocation) -> int:
    """Remove images and their snapshots, never without the list of what uses them."""
    from cws_build.actions.plan_retire import plan_retire
    from cws_build.actions.retire import deregister

    plan = plan_retire(invocation.context, "deregister", request_of(invocation))
    if invocation.args.dry_run:
        invocation.result({"images": plan.subjects, "warnings": plan.warnings, "dry_run": True}, plan_text(plan))
        return 0
    return report(invocation, deregister(invocation.context, consented(invocation, plan)))
