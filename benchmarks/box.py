"""One sandbox for all benchmarks that need machines: its own state folder, a small library, real bakes."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchmarks.measure import CWS_BUILD, PYTHON, Heard, SkippedError, run_to_end, timed
from benchmarks.watched import watch_launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SMALL = """\
name: Bench
slug: bench
description: a small machine
base: debian-12
packages:
  system: [tree]
users:
  - name: researcher
"""
"""Three layers: base, apt, users; one package, so that most of a bake is what every bake has to do."""

_CALL = re.compile(r" INFO \S+ (?:ec2|ssm|sts) \w+: \d+ in ")
_PROGRAM = """\
import sys
from cws_build.__main__ import main
code = main()
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("VmHWM", peak, file=sys.stderr)
sys.exit(code)
"""
"""cws-build as a process that tells its own peak; what the system accounts to it would include Packer's."""


@dataclasses.dataclass(frozen=True)
class Baked:
    """One bake: the peak memory of its process in 10^6 bytes, and what it printed."""

    memory_mb: float
    document: dict[str, Any]
    packer: Heard
    """How long the process took, and what Packer printed in it."""

    @property
    def seconds(self) -> float:
        """Return how long the process took."""
        return self.packer.seconds

    @property
    def last_layer(self) -> float:
        """Return the seconds of the layer that came last."""
        return float(self.document["layers"][-1]["seconds"])


@dataclasses.dataclass(frozen=True)
class Launched:
    """One launch, in seconds from the command: to its process's end, and to JupyterLab answering us on its port."""

    seconds: float
    answered: float
    document: dict[str, Any]

    @property
    def layers(self) -> float:
        """Return the seconds that layers took by themselves."""
        spent: dict[str, float] = self.document["seconds"]
        return sum(value for name, value in spent.items() if name.startswith("layer:"))


class Box:
    """A sandbox in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._launched = 0
        self.environment = {"CWS_BUILD_STATE": str(folder / "state"), "CWS_BUILD_LIBRARY": str(folder / "library")}
        (folder / "library" / "templates").mkdir(parents=True)
        self.write("bench", SMALL)

    def write(self, name: str, text: str) -> None:
        """Put a template into the library."""
        (self.folder / "library" / "templates" / f"{name}.yml").write_text(text, encoding="utf-8")

    def bake(self, template: str, *options: str, fails: bool = False, gate: bool = False) -> Baked:
        """Bake for real; RuntimeError when it ends otherwise than expected.

        Unless the ``gate`` is wanted, no machine of the new image is started: what a bake is compared with starts none.
        """
        words = [PYTHON, "-c", _PROGRAM, "--sandbox", "--json", "bake", template, *options]
        words += [] if gate else ["--no-boot-test"]
        at, began = time.time(), time.perf_counter()
        done = run_to_end(words, self.environment)
        seconds = time.perf_counter() - began
        if (done.returncode != 0) != fails:
            raise RuntimeError(f"the bake of {template} ended with {done.returncode}:\n{done.stdout[-2000:]}")
        peak = re.search(r"^VmHWM (\d+)$", done.stderr, re.MULTILINE)
        events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        printed = [(event["at"] - at, event["text"]) for event in events if event.get("tool") == "packer"]
        memory = int(peak[1]) * 1024 / 1e6 if peak else 0.0
        return Baked(memory, json.loads(done.stdout), Heard(seconds, tuple(printed)))

    @functools.cached_property
    def first(self) -> Baked:
        """The first bake of the small template, from the base image."""
        return self.bake("bench")

    @functools.cached_property
    def python_ml(self) -> Baked:
        """The first bake of the built-in template python-ml."""
        return self.bake("python-ml")

    @contextmanager
    def launch(self, template: str, *options: str, end: str = "terminate") -> Iterator[Launched]:
        """Launch for real; RuntimeError when it cannot be launched.

        Args:
            template: What to launch.
            options: Of the launch.
            end: What ``instances`` does with the machine when the context is left: ``terminate``, or ``stop``, which
                keeps its files until the sandbox goes.
        """
        self._launched += 1
        name = f"bench-{self._launched}"
        watched = watch_launch(self._launch_words(template, name, *options), {**os.environ, **self.environment})
        try:
            yield Launched(watched.seconds, watched.answered, json.loads(watched.printed))
        finally:
            timed([CWS_BUILD, "--sandbox", "instances", end, name], self.environment)

    def plan(self, template: str, *options: str) -> dict[str, Any]:
        """Return what a launch would do."""
        words = self._launch_words(template, "bench", *options, "--dry-run")
        done = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **self.environment})
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    @staticmethod
    def _launch_words(template: str, name: str, *options: str) -> list[str]:
        return [CWS_BUILD, "--sandbox", "--json", "launch", template, name, *options]

    @property
    def name(self) -> str:
        """Return the sandbox's id."""
        return (self.folder / "state/sandbox/id").read_text(encoding="utf-8").strip()

    def calls(self) -> int:
        """Return how many AWS calls the sandbox has answered."""
        return len(_CALL.findall((self.folder / "state/sandbox/server.log").read_text(encoding="utf-8")))

    @property
    def url(self) -> str:
        """Return where the sandbox listens."""
        return str(json.loads((self.folder / "state/sandbox/server.json").read_bytes())["url"])

    def run_folder(self, baked: Baked) -> Path:
        """Return the folder of the run that made an image."""
        return self.folder / "state/runs" / str(baked.document["run"])


_open: list[Box] = []


def box() -> Box:
    """Return the sandbox, started when first asked for; raises SkippedError where machines cannot run."""
    if not _open:
        from cws_build.sandbox.requirements import missing

        lacks = [lack.sentence for lack in missing()]
        if lacks or not shutil.which("packer"):
            raise SkippedError("; ".join(lacks) or "Packer is not installed: sudo apt-get install packer")
        started = Box(Path(tempfile.mkdtemp(prefix="cws-bench-")))
        _open.append(started)
        timed([CWS_BUILD, "--sandbox", "sandbox", "up"], started.environment)
    return _open[0]


@contextmanager
def closing() -> Iterator[None]:
    """Remove the sandbox at the end, whatever happens."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        for opened in _open:
            timed([CWS_BUILD, "--sandbox", "sandbox", "reset"], opened.environment)
            shutil.rmtree(opened.folder, ignore_errors=True)
        sys.stdout.flush()


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """End as after an exception, so that what is open is closed."""
    sys.exit(128 + number)
