"""``cws-build ami unshare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.sharing import FAILED, add_grantee_options, done_document, share_request, shared_text

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    add_grantee_options(parser, taking=True)


def run(invocation: Invocation) -> int:
    """Take shares away, and tell what came of it."""
    from cws_build.actions.unshare import unshare

    done = unshare(invocation.context, share_request(invocation))
    how = "no longer to be copied by" if invocation.args.level == "copy" else "unshared from"
    invocation.result(done_document(done), shared_text(done, how))
    return FAILED if done.failed else 0
