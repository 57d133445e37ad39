"""A launch as its user sees it: somebody who tries JupyterLab's address from the moment it is known."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.jupyter import JUPYTER, await_jupyter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Watched:
    """A launch: seconds from the command to JupyterLab answering and to the end, and what was printed."""

    seconds: float
    answered: float
    printed: str


def watch_launch(words: Sequence[str], environment: Mapping[str, str]) -> Watched:
    """Run a launch and see when its JupyterLab answers; RuntimeError when it fails."""
    began = time.perf_counter()
    said, answers = list[str](), list[Future[float]]()
    with (
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        if process.stdout is None or process.stderr is None:
            raise RuntimeError("a pipe is missing")
        try:
            for line in process.stderr:
                said.append(line)
                if address := _address(line):
                    answers.append(pool.submit(_answered, address, began, process))
            printed = process.stdout.read()
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()  # so that whoever still tries the address knows
            raise
        seconds = time.perf_counter() - began
    if code or not answers:
        raise RuntimeError(f"{' '.join(words)} ended with {code}:\n{printed[-2000:]}{''.join(said[-5:])}")
    return Watched(seconds, answers[-1].result(), printed)


def _address(line: str) -> str:
    """Return the address of a machine that runs, where an event tells it."""
    event = json.loads(line) if line.startswith("{") else {}
    return str(event["outcome"]).rsplit(", ", 1)[-1] if event.get("title") == "machine running" else ""


def _answered(address: str, began: float, process: subprocess.Popen[str]) -> float:
    await_jupyter(address, JUPYTER, lambda: bool(process.returncode))
    return time.perf_counter() - began
