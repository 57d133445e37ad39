"""A second resolve: the whole command, answered from memory. The sandbox runs without machines."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import CWS_BUILD, Figure, SkippedError, in_turns, middle, spread

TIMES = 9


def run() -> list[Figure]:
    """Measure the command, and the same with everything asked anew."""
    from cws_build.sandbox.control import Sandbox
    from cws_build.sandbox.requirements import missing_api

    if lacking := missing_api():
        raise SkippedError("; ".join(need.sentence for need in lacking))
    with tempfile.TemporaryDirectory(prefix="cws-bench-") as home:
        sandbox = Sandbox(Path(home, "state", "sandbox"), Path(home, "cache", "sandbox"), machines=False)
        sandbox.up(lambda _event: None)
        words = [CWS_BUILD, "--sandbox", "resolve", "python-ml"]
        environment = {"CWS_BUILD_STATE": f"{home}/state", "CWS_BUILD_CACHE": f"{home}/cache"}
        try:
            taken = in_turns({"remembered": words, "asked": [*words, "--refresh"]}, TIMES, environment)
        finally:
            sandbox.reset(lambda _event: None)
    return [
        Figure(
            "resolve, remembered, whole command", middle(taken["remembered"]), "s", 0.5, spread(taken["remembered"])
        ),
        Figure("resolve, asked anew, whole command", middle(taken["asked"]), "s", note=spread(taken["asked"])),
    ]
