"""Lists and clean-ups of 10,000 own images in 17 regions, in the sandbox's API, each call answered after 80 ms.

Whole processes, from start to end, as a user starts them; the memory is a process's own peak.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import PYTHON, Figure, SkippedError, middle, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.sandbox.world import RegionRecord

IMAGES, LATENCY, TIMES = 10_000, 0.080, 5
TEMPLATES = ("python-ml", "r-research", "genomics", "climate", "quantum")
KEEP = 2
"""Of some 118 versions of each template in a region: nearly all of the others could go."""
_DAY = 86400.0
_PROGRAM = """\
import sys
from cws_build.__main__ import main
code = main()
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("VmHWM", peak, file=sys.stderr)
sys.exit(code)
"""
"""cws-build as a process that tells its own peak of memory."""


def run() -> list[Figure]:
    """Measure in turns."""
    with many_images() as environment:
        listing = [_measured(["ami", "list", "--all-regions"], environment) for _ in range(TIMES)]
        words = ["ami", "cleanup", "--dry-run", "--all-regions", "--keep", str(KEEP)]
        cleaning = [_measured(words, environment) for _ in range(TIMES)]
    figures = []
    for title, taken, bound in (("ami list", listing, 3.0), ("ami cleanup --dry-run", cleaning, 10.0)):
        seconds, memory, first = zip(*taken, strict=True)
        figures += [
            Figure(f"{title}: {IMAGES} images", middle(seconds), "s", bound, spread(seconds)),
            Figure(f"{title}: memory at its peak", max(memory), "MB", 300.0),
        ]
        figures += (
            [Figure(f"{title}: first line", middle(first), "s", note=spread(first))] if title == "ami list" else []
        )
    return figures


def _measured(words: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Return a command's seconds, its peak of memory in 10^6 bytes, and the seconds to its first line."""
    began = time.perf_counter()
    command = [PYTHON, "-c", _PROGRAM, "--sandbox", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **environment}) as process:
        first = process.stdout.readline() if process.stdout else ""
        seen = time.perf_counter() - began
        out, err = process.communicate()
    seconds = time.perf_counter() - began
    peak = re.search(r"^VmHWM (\d+)$", err, re.MULTILINE)
    if process.returncode or not peak:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}:\n{(err or first + out)[-2000:]}")
    return seconds, int(peak[1]) * 1024 / 1e6, seen


@contextmanager
def many_images() -> Iterator[dict[str, str]]:
    """Run a sandbox without machines that has all the images; yield the environment in which commands find it."""
    from cws_build.sandbox.control import Sandbox
    from cws_build.sandbox.records import Fault
    from cws_build.sandbox.requirements import missing_api

    if lacking := missing_api():
        raise SkippedError("; ".join(lack.sentence for lack in lacking))
    with tempfile.TemporaryDirectory(prefix="cws-bench-") as folder:
        state = Path(folder, "state", "sandbox")
        _write(state)
        sandbox = Sandbox(state, Path(folder, "cache"), machines=False)
        sandbox.up(lambda _event: None)
        try:
            sandbox.add_fault(Fault(latency=LATENCY))
            yield {"CWS_BUILD_STATE": str(Path(folder, "state")), "CWS_BUILD_CACHE": str(Path(folder, "cache"))}
        finally:
            sandbox.reset(lambda _event: None)


def _write(state: Path) -> None:
    """Write the images into the state of a sandbox that has not been started: calls would take minutes."""
    from cws_build.data import region_table
    from cws_build.sandbox.store import Store

    regions = [one.code for one in region_table() if one.enabled_by_default and one.partition == "aws"]
    each = -(-IMAGES // len(regions))
    state.mkdir(parents=True)
    Store(state / "cloud.json").save(
        _region(code, place, min(each, IMAGES - place * each)) for place, code in enumerate(regions)
    )


def _region(code: str, place: int, count: int) -> RegionRecord:
    from cws_build.sandbox.records import ACCOUNT
    from cws_build.sandbox.world import RegionRecord

    record = RegionRecord(account=ACCOUNT, region=code)
    for number in range(count):
        _add(record, place * IMAGES + number, number)
    return record


def _add(record: RegionRecord, unique: int, number: int) -> None:
    """Add an image as a bake leaves it, of one template after the other, each version a day younger."""
    from cws_build.sandbox.ec2.disks import Disk
    from cws_build.sandbox.ec2.images import ImageRecord
    from cws_build.sandbox.records import ACCOUNT
    from cws_build.sandbox.world import SnapshotRecord

    template, version = TEMPLATES[number % len(TEMPLATES)], number // len(TEMPLATES)
    ident, snapshot = f"ami-{unique:017x}", f"snap-{unique:017x}"
    created = time.time() - (IMAGES / 50 - version) * _DAY
    name = f"cws/{template}/1.{version}.0/x86_64/{unique}"
    disk = Disk(device="/dev/xvda", size=8, snapshot=snapshot)
    image = ImageRecord(
        id=ident,
        name=name,
        owner=ACCOUNT,
        architecture="x86_64",
        root_device="/dev/xvda",
        disks=[disk],
        created=created,
    )
    image.last_launched = created + _DAY
    record.images.append(image)
    kept = SnapshotRecord(
        id=snapshot,
        size=8,
        image=ident,
        volume="vol-ffffffff",
        written=3 * 2**30,
        description=f"Created by CreateImage(i-{unique:017x}) for {ident}",
        owner=ACCOUNT,
        created=created,
        completed=created + 60,
    )
    record.snapshots.append(kept)
    tags = {
        "Name": f"{template} 1.{version}.0",
        "cws:template": template,
        "cws:version": f"1.{version}.0",
        "cws:architecture": "x86_64",
        "cws:base": "debian-12",
        "cws:base-ami": "ami-0123456789abcdef0",
        "cws:baked-at": datetime.fromtimestamp(created, UTC).isoformat(),
        "cws:layers": "base=0123456789ab apt=0123456789ab users=0123456789ab",
        "cws:digest": f"{unique:064x}",
    }
    record.tags[ident] = tags
    record.tags[snapshot] = tags
