"""``cws-build ami copy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.copies import (
    FAILED,
    add_copy_options,
    consented,
    kms_keys,
    plan_document,
    plan_text,
    result_text,
)
from cws_build.frontends.region_options import named_regions

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("ami", metavar="AMI", help="id of an image; --region says where it is")
    add_copy_options(parser, required=True)
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="begin the copies and leave them")
    parser.add_argument("--dry-run", action="store_true", help="print the plan with minutes and dollars, do nothing")


def run(invocation: Invocation) -> int:
    """Plan, show, ask where it costs, and copy."""
    from cws_build.actions.distribute import carry_out, require_consent
    from cws_build.actions.plan_copies import plan_copies
    from cws_build.frontends import wording_images  # noqa: F401  teaches the console the words of these events
    from cws_build.model.distribution import DistributeRequest

    args, ctx = invocation.args, invocation.context
    request = DistributeRequest(
        image=args.ami,
        region=invocation.settings.region,
        regions=named_regions(args.regions),
        kms_keys=kms_keys(args),
        wait=args.wait,
    )
    plan = plan_copies(ctx, request)
    if args.dry_run:
        invocation.result(plan_document(plan), plan_text(plan))
        return 0
    plan = consented(invocation, plan)
    require_consent(plan)
    done = carry_out(ctx, plan)
    invocation.result(done, result_text(done))
    return FAILED if done.failed else 0
