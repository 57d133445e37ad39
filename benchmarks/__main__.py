"""Runs benchmarks, prints a table, and writes ``.build/bench.json``; the exit code is 1 when a bound is broken."""

from __future__ import annotations

import compileall
import dataclasses
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks import box
from benchmarks.measure import Figure, SkippedError

NAMES = (
    *("help", "thousand", "resolve", "resolve_regions", "copies", "ami_test", "images"),
    *("memory", "reuse", "overhead", "last_layer", "child"),
    *("launch", "hybrid", "script"),
)
"""In this order, those that need machines share one sandbox and its first bake."""
REPORT = Path(".build/bench.json")


def main(wanted: list[str]) -> int:
    """Run the benchmarks of these names, or all of them."""
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}, only {', '.join(NAMES)}", file=sys.stderr)
        return 2
    # Sandboxes that benchmarks start end with this process, even if it is killed.
    os.environ["CWS_BUILD_SANDBOX_WITH"] = str(os.getpid())
    # An installed program has its bytecode; where Python is told to write none, every start would compile it anew.
    for part in ("cws_build", "plugins"):
        compileall.compile_dir(part, quiet=1)
    figures: dict[str, list[Figure]] = {}
    skipped: dict[str, str] = {}
    print(f"{'benchmark':15} {'figure':46} {'value':>9} {'bound':>8}  {'':4}", flush=True)
    with box.closing():
        for name in wanted or NAMES:
            _run(name, figures, skipped)
    _write(figures, skipped)
    return int(any(figure.verdict == "FAIL" for found in figures.values() for figure in found))


def _run(name: str, figures: dict[str, list[Figure]], skipped: dict[str, str]) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    try:
        figures[name] = module.run()
    except SkippedError as why:
        skipped[name] = str(why)
        print(f"{name:15} skipped: {why}", flush=True)
        return
    for figure in figures[name]:
        print(f"{name:15} {_row(figure)}", flush=True)


def _row(figure: Figure) -> str:
    bound = "" if figure.bound is None else f"{figure.bound:g}"
    number = f"{figure.value:.3g} {figure.unit}"
    return f"{figure.name:46} {number:>9} {bound:>8}  {figure.verdict:4} {figure.note}".rstrip()


def _write(figures: dict[str, list[Figure]], skipped: dict[str, str]) -> None:
    found = {name: [{**dataclasses.asdict(f), "verdict": f.verdict} for f in rows] for name, rows in figures.items()}
    report = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "figures": found,
        "skipped": skipped,
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\n{REPORT} holds these figures; docs/performance.md says what each one means")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
