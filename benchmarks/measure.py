"""What every benchmark needs: a figure with its bound, and commands timed in turns."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHON = sys.executable
CWS_BUILD = str(Path(sys.executable).with_name("cws-build"))
"""The installed console script of the Python that runs the benchmarks."""


class SkippedError(Exception):
    """A benchmark cannot run here; says why."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number, and the most that it may be; without a bound it is only told."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say whether the bound is kept."""
        if self.bound is None:
            return ""
        return "pass" if self.value <= self.bound else "FAIL"


def run_to_end(words: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command; whatever interrupts us, it gets the time to end what it has started."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **(environment or {})}
    ) as process:
        try:
            out, err = process.communicate()
        except BaseException:
            process.terminate()
            process.communicate()
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)


@dataclasses.dataclass(frozen=True)
class Heard:
    """A command with what it printed."""

    seconds: float
    lines: tuple[tuple[float, str], ...]
    """Seconds since the command began, and the line."""


def heard(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Heard:
    """Run a command and note when it prints what; a command that fails ends the benchmark."""
    began, lines = time.perf_counter(), list[tuple[float, str]]()
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(environment or {})}
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append((time.perf_counter() - began, line.rstrip("\n")))
        except BaseException:
            process.terminate()
            raise
    seconds = time.perf_counter() - began
    if process.returncode:
        said = "\n".join(line for _, line in lines)
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}:\n{said[-2000:]}")
    return Heard(seconds, tuple(lines))


def timed(words: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Run a command and return its whole process's seconds; a command that fails ends the benchmark."""
    began = time.perf_counter()
    done = run_to_end(words, environment)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}")
    return seconds


def in_turns(
    commands: Mapping[str, Sequence[str]], times: int, environment: Mapping[str, str] | None = None
) -> dict[str, list[float]]:
    """Run commands in turns, so that the machine's other work strikes all of them; the first turn warms up."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(times + 1):
        for name, words in commands.items():
            seconds = timed(words, environment)
            if turn:
                taken[name].append(seconds)
    return taken


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Say how far repetitions lie apart."""
    return f"{min(values):.3g} to {max(values):.3g}, n={len(values)}"
