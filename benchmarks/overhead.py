"""``cws-build bake`` against ``packer build`` on the same rendered folder.

What cws-build adds to Packer (planning, rendering, a key pair, tags) must not be a reason to go without it: at most
3 %. It is told in two ways. Inside one bake, a stand-in for Packer writes down when the real one began and ended;
all other seconds of the process are ours, and no noise of the machine gets between the two; they hardly depend on the
template, so they are told of a small one, where they weigh most, and of python-ml. By hand, the same folder
is built with the same variables from the same image, in turns with bakes: that also shows what watching costs Packer
itself. There a bake lasts about a minute, Packer looks for SSH every five seconds, and repetitions are few; the
verdict is left open when the two sides overlap.

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
from benchmarks.measure import Figure, middle, spread, timed

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
_OURS_ALONE = ("ssh_keypair_name", "ssh_private_key_file", "security_group_id")


def run() -> list[Figure]:
    """Bake and build in turns; who comes first changes from turn to turn."""
    sandbox = box()
    latest, stand_in = sandbox.first, StandIn(sandbox.folder)
    ours, by_hand, outside = list[float](), list[float](), list[float]()
    for turn in range(_TIMES):
        if turn % 2 == 0:
            by_hand.append(_build(sandbox, latest, turn))
        latest = sandbox.bake("bench", "--refresh", "--packer", str(stand_in.path))
        ours.append(latest.seconds)
        outside.append(latest.seconds - stand_in.seconds())
        if turn % 2:
            by_hand.append(_build(sandbox, latest, turn))
    shares = [own / (whole - own) * 100 for own, whole in zip(outside, ours, strict=True)]
    more = [bake - hand for bake, hand in zip(ours, by_hand, strict=True)]
    share = (middle(ours) / middle(by_hand) - 1) * 100
    clear = min(ours) > max(by_hand) or share <= _BOUND
    real = sandbox.bake("python-ml", "--packer", str(stand_in.path)).seconds
    real_outside = real - stand_in.seconds()
    tried = sandbox.bake("bench", "--refresh", gate=True).document["boot"]
    gate = f"its machine ready after {tried['ready_seconds']:.1f} s, removed within {tried['seconds']['removal']:.1f} s"
    return [
        Figure("bake outside its packer build", middle(shares), "%", _BOUND, spread(shares)),
        Figure("the same in seconds", middle(outside), "s", None, spread(outside)),
        Figure("bake of python-ml outside its packer build", real_outside / (real - real_outside) * 100, "%", _BOUND),
        Figure("the same in seconds", real_outside, "s", None, f"of {real:.0f} s"),
        Figure("bake beyond packer build by hand", share, "%", _BOUND if clear else None, _note(ours, by_hand)),
        Figure("the same in seconds, turn by turn", middle(more), "s", None, spread(more)),
        Figure("the gate, which none of these have", tried["seconds"]["total"], "s", None, gate),
    ]


def _note(ours: list[float], by_hand: list[float]) -> str:
    return f"bake {spread(ours)}; packer {spread(by_hand)} s"


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


def _build(sandbox: Box, baked: Baked, turn: int) -> float:
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
    return timed([packer, "build", "-color=false", f"-var-file={file}", str(folder / "workspace/packer")], environment)
