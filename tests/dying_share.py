"""Shares that kill themselves: ``python -m tests.dying_share STATE BOX DATABASE NUMBER WORK IMAGE…``.

They die right before the call of that number that would change an image's shares, the image, or the store; counting
from 1.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from cws_build.actions.communities import CommunityRequest, join_community, leave_community
from cws_build.actions.plan_retire import plan_retire
from cws_build.actions.retire import deregister, restore
from cws_build.drivers.database import Database
from cws_build.model.retiring import RetireRequest
from cws_build.sandbox.control import Sandbox
from tests.copying import HOME, sandbox_context
from tests.dying import Through, dying_at
from tests.neighbours import ADA, EVE, give, take

LAB = "cloudworkstation"
_RIGHTS = ("share", "share_key", "share_snapshots", "unshare", "unshare_key", "unshare_snapshots")
CHANGES = {"change", "put", "remove", "deregister", "restore", *_RIGHTS}


class OneRegion(Through):
    """An account that has one region: clients of all of them take longer than what they are used for here."""

    def regions(self):
        return (HOME,)


class SmallAccount(Through):
    def images(self, region=""):
        return OneRegion(self._inner.images(region), self._phase)


def work(ctx, what, *idents):
    """Do what a command does that was agreed to; return what went wrong."""
    agreed = RetireRequest(images=idents, agreed=True, even_if_referenced=True)
    do = {
        "share": lambda: give(ctx, *idents, ADA, level="copy"),
        "unshare": lambda: take(ctx, *idents, ADA),
        "join": lambda: join_community(ctx, CommunityRequest(name=LAB, accounts=(EVE,), agreed=True)),
        "leave": lambda: leave_community(ctx, CommunityRequest(name=LAB, accounts=(ADA,), agreed=True)),
        "end": lambda: leave_community(ctx, CommunityRequest(name=LAB, agreed=True)),
        "deregister": lambda: deregister(ctx, plan_retire(ctx, "deregister", agreed)),
        "restore": lambda: restore(ctx, *idents, ""),
    }
    return do[what]().failed


def context(state, box, database):
    """Return a context that nothing happens to."""
    sandbox = Sandbox(Path(box), Path(box) / "cache", machines=False)
    ctx = sandbox_context(sandbox, Path(state), store=Database(database))
    account = SmallAccount(ctx.account(), "")
    return dataclasses.replace(ctx, account=lambda: account)


def main(state, box, database, phase, *words):
    """Do some work, and die."""
    ctx = context(state, box, database)
    dying = dying_at(ctx, int(phase), CHANGES)
    work(dying, *words)


if __name__ == "__main__":
    main(*sys.argv[1:])
