"""A promotion that kills itself: ``python -m tests.dying_promote STATE BOX DATABASE NUMBER``.

It dies right before the call of that number that would change a parameter, or the store; counting from 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cws_build.actions.promote import PromoteRequest, promote
from cws_build.drivers.database import Database
from cws_build.sandbox.control import Sandbox
from tests.copying import HOME, NEAR, sandbox_context
from tests.dying import dying_at

CHANGES = ("put", "label", "change")


def main(state, box, database, phase):
    """Promote studio 2.0.0 in two regions, and die."""
    sandbox = Sandbox(Path(box), Path(box) / "cache", machines=False)
    ctx = sandbox_context(sandbox, Path(state), store=Database(database))
    dying = dying_at(ctx, int(phase), CHANGES)
    promote(dying, PromoteRequest(template="studio", version="2.0.0", regions=(HOME, NEAR)))


if __name__ == "__main__":
    main(*sys.argv[1:])
