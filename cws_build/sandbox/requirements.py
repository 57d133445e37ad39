"""What machines need on this computer, each with the command that installs it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import msgspec

from cws_build.errors import ToolMissing
from cws_build.sandbox.podman import hybrid_cgroups

PACKAGES = {
    "podman": "podman",
    "iptables": "iptables",
    "debootstrap": "debootstrap",
    "tar": "tar",
}
"""Command -> Debian package."""


class Requirement(msgspec.Struct, frozen=True):
    """Something that is missing: one sentence, and the command that puts it right."""

    name: str
    sentence: str
    command: str


def _search(command: str) -> bool:
    return shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def missing_api() -> list[Requirement]:
    """Return what the API alone lacks: moto."""
    if all(importlib.util.find_spec(name) for name in ("moto", "flask", "werkzeug")):
        return []
    return [Requirement("moto", "the EC2 API of the sandbox needs moto, which is not installed",
                        "pip install 'cws-build[sandbox]'")]  # fmt: skip


def missing_machines() -> list[Requirement]:
    """Return what machines lack: Linux, root, commands, kernel features."""
    if sys.platform != "linux":
        return [Requirement("linux", f"machines need Linux, and this is {sys.platform}",
                            "cws-build sandbox up --no-machines")]  # fmt: skip
    needed = PACKAGES | ({"runc": "runc"} if hybrid_cgroups() else {})  # under cgroup v2 podman brings its own
    lacking = [command for command in needed if not _search(command)]
    found = []
    if lacking:
        names = " ".join(needed[command] for command in lacking)
        found.append(
            Requirement(
                lacking[0], f"machines need {', '.join(lacking)}, not found on PATH", f"apt-get install -y {names}"
            )
        )
    if os.geteuid() != 0:
        found.append(
            Requirement(
                "root",
                "machines need root: they boot systemd and publish port 22 on loopback addresses",
                "sudo cws-build sandbox up",
            )
        )
    return found + _kernel()


def _kernel() -> list[Requirement]:
    found = []
    module = Path("/lib/modules") / os.uname().release / "kernel/fs/overlayfs"  # loaded when it is first used
    if "overlay" not in Path("/proc/filesystems").read_text() and not module.exists():
        found.append(Requirement("overlayfs", "machines need the kernel's overlay file system", "modprobe overlay"))
    if not Path("/sys/fs/cgroup").is_dir() or not any(Path("/sys/fs/cgroup").iterdir()):
        found.append(
            Requirement(
                "cgroups", "machines need cgroups, which are not mounted here", "mount -t cgroup2 none /sys/fs/cgroup"
            )
        )
    return found


def missing() -> list[Requirement]:
    """Return everything that the sandbox with machines lacks here; empty when it can start."""
    return missing_api() + missing_machines()


def refuse(lacking: list[Requirement]) -> None:
    """Refuse to go on while something is missing.

    Raises:
        ToolMissing: one sentence for all, with the first command as the hint.
    """
    if lacking:
        raise ToolMissing(
            "the sandbox cannot start: " + "; ".join(need.sentence for need in lacking),
            hint=" && ".join(dict.fromkeys(need.command for need in lacking)),
            details={"missing": [need.name for need in lacking]},
        )
