"""``cws-build calibrate``: learn from the account's own snapshots, and see how good the estimates were."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.calibrate import Calibrated
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.scoring import Score


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("--regions", default="", metavar="R,…", help="instead of the region that is worked in")


def run(invocation: Invocation) -> int:
    """Read snapshots and images, change nothing in the account."""
    from cws_build.actions.calibrate import calibrate
    from cws_build.wiring import account_history

    context = invocation.context
    named = [name for name in invocation.args.regions.split(",") if name]
    regions = named or [context.account().region]
    found = calibrate(context, account_history(invocation.settings, invocation.show), regions)
    invocation.result(found, _text(found))
    return 0


def _text(found: Calibrated) -> str:
    where = ", ".join(found.regions)
    learnt = f"{found.created} durations of CreateImage and {found.copied} of CopyImage"
    lines = [f"{found.snapshots} snapshots in {where}: {learnt}"]
    lines.append(_judged(found.score) if found.score else "no estimate has been put to the test on this computer yet")
    return "\n".join(lines)


def _judged(score: Score) -> str:
    verdict = {None: "too few to judge", True: "as it should be", False: "the estimates are off"}[score.sound]
    return (
        f"{score.n} estimates put to the test: {score.coverage_p90:.0%} stayed below their p90 ({verdict}), "
        f"pinball loss {score.pinball_p50:.1f} s at p50 and {score.pinball_p90:.1f} s at p90"
    )
