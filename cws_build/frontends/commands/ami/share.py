"""``cws-build ami share``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.sharing import (
    FAILED,
    add_grantee_options,
    consented,
    done_document,
    share_request,
    shared_text,
)

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_grantee_options(parser)


def run(invocation: Invocation) -> int:
    """Look at what speaks against it, ask where that is due, and share."""
    from cws_build.actions.plan_share import plan_share
    from cws_build.actions.share import share

    ctx = invocation.context
    plan = consented(invocation, plan_share(ctx, share_request(invocation)))
    done = share(ctx, plan)
    invocation.result(done_document(done), shared_text(done))
    return FAILED if done.failed else 0
