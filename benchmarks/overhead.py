"""``cws-build bake`` against ``packer build`` on the same rendered folder.

What cws-build adds to Packer (planning, rendering, tags) must not be a reason to go without it: at most 3 %. The same
folder is built by hand with the same variables from the same image, in turns with bakes.

Both have the same steps from the machine's launch to its end, in which Packer sleeps for seconds between its looks, so
that two builds by hand differ by more than the bound. The verdict is on what comes before and after those steps, where
nobody sleeps. With us that is planning, rendering, a key pair, a group, their removal, and Packer's own start; by hand
it is Packer's start, its key pair, its group and their removal. It hardly depends on the template, so it is told as a
share of a small one, where it weighs most, and of python-ml. The whole is told as well, without a verdict where the
sides overlap.

A stand-in for Packer tells the seconds of a bake outside its Packer, with a verdict of its own: a stricter one, as
Packer by hand makes the key pair and the group inside.

Neither side tries its image: nobody does by hand. What the gate takes that a bake otherwise has is told by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.box import box
from benchmarks.measure import Figure, Heard, heard, middle, spread

if TYPE_CHECKING:
    from benchmarks.box import Baked, Box

_TIMES = int(os.environ.get("BENCH_TIMES", "3"))
_BOUND = 3
_STAND_IN = """\
#!/bin/sh
began=$(date +%s.%N)
{real} "$@"
code=$?
case " $* " in *" build "*) echo "$began $(date +%s.%N)" >> {log} ;; esac
exit $code
"""
_FIRST, _LAST = "Launching a source AWS instance", "Cleaning up any extra volumes"
"""What Packer prints at the begin and at the end of what it does alike, run by us or by hand."""
_OURS_ALONE = ("ssh_keypair_name", "ssh_private_key_file", "security_group_id")


def run() -> list[Figure]:
    """Bake and build in turns; who comes first changes from turn to turn."""
    sandbox = box()
    latest, stand_in = sandbox.first, StandIn(sandbox.folder)
    baked, built, outside = list[Heard](), list[Heard](), list[float]()
    for turn in range(_TIMES):
        if turn % 2 == 0:
            built.append(_build(sandbox, latest, turn))
        latest = sandbox.bake("bench", "--refresh", "--packer", str(stand_in.path))
        baked.append(latest.packer)
        outside.append(latest.seconds - stand_in.seconds())
        if turn % 2:
            built.append(_build(sandbox, latest, turn))
    ours, by_hand = [one.seconds for one in baked], [one.seconds for one in built]
    around, around_by_hand = list(map(_around, baked)), list(map(_around, built))
    added = [bake - hand for bake, hand in zip(around, around_by_hand, strict=True)]
    shares = [seconds / whole * 100 for seconds, whole in zip(added, by_hand, strict=True)]
    strict = [own / (whole - own) * 100 for own, whole in zip(outside, ours, strict=True)]
    more = [bake - hand for bake, hand in zip(ours, by_hand, strict=True)]
    share = (middle(ours) / middle(by_hand) - 1) * 100
    clear = min(ours) > max(by_hand) or share <= _BOUND
    real = sandbox.bake("python-ml").packer
    added_to_real = _around(real) - middle(around_by_hand)
    tried = sandbox.bake("bench", "--refresh", gate=True).document["boot"]
    gate = f"its machine ready after {tried['ready_seconds']:.1f} s, removed within {tried['seconds']['removal']:.1f} s"
    return [
        Figure("bake beyond packer by hand, around their common steps", middle(shares), "%", _BOUND, spread(shares)),
        Figure("the same in seconds", middle(added), "s", None, _note(around, around_by_hand)),
        Figure("bake of python-ml likewise", added_to_real / (real.seconds - added_to_real) * 100, "%", _BOUND),
        Figure("the same in seconds", added_to_real, "s", None, f"of {real.seconds:.0f} s"),
        Figure("bake beyond packer by hand, as a whole", share, "%", _BOUND if clear else None, _note(ours, by_hand)),
        Figure("the same in seconds, turn by turn", middle(more), "s", None, spread(more)),
        Figure("bake outside its packer build", middle(strict), "%", _BOUND, spread(strict)),
        Figure("the same in seconds", middle(outside), "s", None, spread(outside)),
        Figure("the gate, which none of these have", tried["seconds"]["total"], "s", None, gate),
    ]


def _note(ours: list[float], by_hand: list[float]) -> str:
    return f"bake {spread(ours)}; packer {spread(by_hand)} s"


def _around(build: Heard) -> float:
    """Return the seconds before and after the common steps."""
    first = next(at for at, line in build.lines if _FIRST in line)
    last = next(at for at, line in build.lines if _LAST in line)
    return build.seconds - (last - first)


class StandIn:
    """A program that runs Packer and writes down how long its builds take."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "packer-times"
        (folder / "bin").mkdir()
        self.path = folder / "bin" / "packer"
        real = Path(shutil.which("packer") or "packer").resolve()
        if (real.parent / "plugins").is_dir():
            (folder / "bin" / "plugins").symlink_to(real.parent / "plugins")
        self.path.write_text(_STAND_IN.format(real=real, log=self._log), encoding="utf-8")
        self.path.chmod(0o755)

    def seconds(self) -> float:
        """Return the duration of the last build."""
        began, ended = self._log.read_text(encoding="utf-8").splitlines()[-1].split()
        return float(ended) - float(began)


def _build(sandbox: Box, baked: Baked, turn: int) -> Heard:
    folder = sandbox.run_folder(baked)
    variables = json.loads((folder / "run.pkrvars.json").read_bytes())
    kept = {name: value for name, value in variables.items() if name not in _OURS_ALONE}
    file = sandbox.folder / "by-hand.pkrvars.json"
    file.write_text(json.dumps({**kept, "ami_name": f"by-hand-{turn}"}), encoding="utf-8")
    temporary = sandbox.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_ENDPOINT_URL": sandbox.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "TMPDIR": str(temporary),  # Packer forgets a copy of its key there
        "LC_ALL": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    packer = shutil.which("packer") or "packer"
    return heard([packer, "build", "-color=false", f"-var-file={file}", str(folder / "workspace/packer")], environment)
