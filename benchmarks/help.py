"""``cws-build --help`` against an empty Python.

Whoever looks up an option should not wait. The bound is three times the time in which Python starts and does
nothing, because the start of Python is the part that no program can save; both are whole processes, in turns.
"""

from __future__ import annotations

from benchmarks.measure import CWS_BUILD, PYTHON, Figure, in_turns, middle

_TIMES = 25


def run() -> list[Figure]:
    """Time the installed console script, and ``python -m``."""
    commands = {
        "pass": [PYTHON, "-c", "pass"],
        "script": [CWS_BUILD, "--help"],
        "module": [PYTHON, "-m", "cws_build", "--help"],
    }
    taken = {name: middle(values) for name, values in in_turns(commands, _TIMES).items()}
    nothing = taken["pass"]
    return [
        Figure("python -c pass", nothing * 1000, "ms"),
        Figure(
            "cws-build --help / python -c pass", taken["script"] / nothing, "x", 3, f"{taken['script'] * 1e3:.0f} ms"
        ),
        Figure("python -m cws_build --help / python -c pass", taken["module"] / nothing, "x", 3),
    ]
