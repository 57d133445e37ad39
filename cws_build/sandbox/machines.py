"""The machines: podman containers that boot systemd, or none at all."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from typing import TYPE_CHECKING, Protocol

from cws_build.errors import ToolError
from cws_build.sandbox.host import INSIDE, write_folder
from cws_build.sandbox.podman import LABEL, Podman, hybrid_cgroups
from cws_build.sandbox.seed import hostname, write_seed
from cws_build.sandbox.ssh_answer import await_ssh

if TYPE_CHECKING:
    from pathlib import Path

    from cws_build.sandbox.ec2.machine import Machine

CAPABILITIES = ("SYS_BOOT", "AUDIT_WRITE", "NET_RAW", "SYS_PTRACE")
"""Beyond podman's own: to reboot and shut down from inside, for PAM, for ping, for debuggers."""

_BOOT_SECONDS = 15.0
"""A machine whose SSH does not answer by then counts as running all the same: EC2 would not wait for it at all, and
the usual waiters give up 40 s after RunInstances."""
_PAUSES = (0.2, 1.0)
"""Seconds to wait before podman is asked a second and a third time."""
ENDED = 2**22 + 1
"""A process id that Linux never gives: it stands for an init that had ended before it could be asked for."""
log = logging.getLogger("sandbox")


class Machines(Protocol):
    """What can be done to machines and their file systems; each call returns when it is done, or raises ToolError."""

    real: bool

    def start(self, machine: Machine) -> int:
        """Make the machine when it is new, boot it, and return the process id of its init (0: none)."""
        ...

    def stop(self, machine: Machine) -> None:
        """Shut it down; its file system stays."""
        ...

    def remove(self, machine: Machine) -> None:
        """End it, whatever it does, with its file system."""
        ...

    def commit(self, machine: Machine, reference: str, *, pause: bool) -> None:
        """Keep its file system under a reference."""
        ...

    def copy(self, source: str, reference: str) -> None:
        """Give a file system a second reference."""
        ...

    def size(self, reference: str) -> int:
        """Return how many bytes a file system holds."""
        ...

    def console(self, machine: Machine) -> str:
        """Return what it printed since it booted."""
        ...

    def exit_code(self, machine: Machine) -> int:
        """Return how its init ended, which it has or is about to."""
        ...

    def references(self) -> list[str]:
        """Return the references of all file systems that are kept."""
        ...

    def forget(self, reference: str) -> None:
        """Drop a reference, and the file system when it was the last one."""
        ...

    def clear(self) -> None:
        """Remove every machine."""
        ...

    def disk_gb(self) -> float:
        """Return what images and machines hold beyond the base, in 10^9 bytes."""
        ...


class NoMachines:
    """The API alone: everything succeeds at once and nothing runs."""

    real = False

    def start(self, machine: Machine) -> int:  # noqa: ARG002 - the protocol's
        """Do nothing."""
        return 0

    def stop(self, machine: Machine) -> None:
        """Do nothing."""

    def remove(self, machine: Machine) -> None:
        """Do nothing."""

    def commit(self, machine: Machine, reference: str, *, pause: bool) -> None:
        """Do nothing."""

    def copy(self, source: str, reference: str) -> None:
        """Do nothing."""

    def size(self, reference: str) -> int:  # noqa: ARG002
        """Return nothing."""
        return 0

    def console(self, machine: Machine) -> str:  # noqa: ARG002
        """Return nothing."""
        return ""

    def exit_code(self, machine: Machine) -> int:  # noqa: ARG002
        """Return success."""
        return 0

    def references(self) -> list[str]:
        """Return nothing."""
        return []

    def forget(self, reference: str) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""

    def disk_gb(self) -> float:
        """Return nothing."""
        return 0.0


_LOGOUT = {"user@.service": "500ms", "session-.scope": "3s"}
"""How long systemd waits at most for parts of a login to end. Under cgroup v1 a container is not told that a control
group has become empty, nor of processes that are not init's children: a shutdown would wait 90 s for nothing."""


class PodmanMachines:
    """Machines as podman containers.

    Args:
        podman: The command line.
        sandbox: The sandbox's id.
        block: Its address block, written on every container so that other sandboxes keep away from it.
        folder: Where machines' seeds lie.
        repository: The podman repository of its file systems.
    """

    real = True

    def __init__(self, podman: Podman, sandbox: str, block: str, folder: Path, repository: str) -> None:
        self.podman = podman
        self.sandbox = sandbox
        self.block = block
        self.folder = folder
        self.repository = repository
        self._creating = threading.Lock()
        write_folder(folder / "host")
        self.extra_mounts = [word for unit in _LOGOUT for word in self._quick(unit)] if hybrid_cgroups() else []

    def _quick(self, unit: str) -> tuple[str, str]:
        path = self.folder / "host" / f"{unit}.conf"
        path.write_text(f"[{unit.rpartition('.')[2].title()}]\nTimeoutStopSec={_LOGOUT[unit]}\n")
        return "-v", f"{path}:/run/systemd/system/{unit}.d/50-cws-sandbox.conf:ro"

    def name(self, machine: Machine) -> str:
        """Return the container's name."""
        return f"cws-sandbox-{self.sandbox}-{machine.id}"

    def start(self, machine: Machine) -> int:
        """Create the container when it is new, and boot it.

        Returns when its SSH answers: here that takes a second or two, and tools that find a machine ``running``
        and its SSH not yet there wait much longer than that before they try again.
        """
        name = self.name(machine)
        if not machine.made:
            self._create(machine)
        self._persist("start", name)
        pid = int(self.podman.run("inspect", "--format", "{{.State.Pid}}", name).strip() or 0) or ENDED
        await_ssh(str(machine.address), _BOOT_SECONDS, pid)
        return pid

    def _persist(self, *words: str) -> None:
        """Ask podman again when it failed: under load it loses races for locks, iptables and its own database."""
        for pause in _PAUSES:
            try:
                self.podman.run(*words)
            except ToolError as error:
                log.warning("%s; once more in %g s", error.message, pause)
                time.sleep(pause)
            else:
                return
        self.podman.run(*words)

    def _create(self, machine: Machine) -> None:
        seed, host = self.folder / machine.id, self.folder / "host"
        write_seed(seed, machine)
        ports = [word for port in machine.ports() for word in ("-p", f"{machine.address}:{_both(port)}")]
        with self._creating:  # podman 4.3 sometimes loses a race for the network's address file
            self._persist(
                "create", "--replace", "--name", self.name(machine), "--hostname", hostname(machine),
                "--label", f"{LABEL}={self.sandbox}", "--label", f"{LABEL}.block={self.block}",
                "--systemd=always", *(f"--cap-add={word}" for word in CAPABILITIES),
                "-v", f"{seed}:{INSIDE}/seed:ro", "-v", f"{host}:{INSIDE}/host:ro",
                "-v", f"{host / 'systemd.conf'}:/run/systemd/system.conf.d/50-cws-sandbox.conf:ro",
                *self.extra_mounts, *ports, machine.rootfs, "/sbin/init",
            )  # fmt: skip
        machine.made = True

    def stop(self, machine: Machine) -> None:
        """Shut it down as systemd does; after 30 seconds by force."""
        if machine.made:
            machine.console = self.console(machine)
            self.podman.run("stop", "-t", "30", self.name(machine))

    def remove(self, machine: Machine) -> None:
        """Kill and remove the container."""
        self.podman.run("rm", "-f", "-t", "0", "-v", "-i", self.name(machine))
        shutil.rmtree(self.folder / machine.id, ignore_errors=True)
        machine.made = False

    def commit(self, machine: Machine, reference: str, *, pause: bool) -> None:
        """Keep the container's file system as an image."""
        self.podman.run(
            "commit", "-q", f"--pause={str(pause).lower()}", "--change", f"LABEL {LABEL}={self.sandbox}",
            self.name(machine), reference, timeout=3600,
        )  # fmt: skip

    def copy(self, source: str, reference: str) -> None:
        """Tag the image a second time."""
        self.podman.run("tag", source, reference)

    def size(self, reference: str) -> int:
        """Ask podman, which counts the layers below it too, as a full snapshot does."""
        return int(self.podman.run("image", "inspect", "--format", "{{.Size}}", reference).strip() or 0)

    def console(self, machine: Machine) -> str:
        """Return the end of the journal of this boot, 64 KB at most as on EC2; what was last read when it is down."""
        words = ("exec", self.name(machine), "journalctl", "-b", "--no-pager", "-q", "-o", "short-monotonic")
        try:
            return self.podman.run(*words, "-n", "600", timeout=20)[-65536:]
        except ToolError:
            return machine.console

    def exit_code(self, machine: Machine) -> int:
        """Wait until podman knows how init ended.

        The kernel tells of it before the monitor has reaped it; until then an inspection says "running, exit code 0".
        """
        return int(self.podman.run("wait", "--interval", "50ms", self.name(machine), timeout=60).strip() or 0)

    def references(self) -> list[str]:
        """List the sandbox's images."""
        found = json.loads(self._image_list() or "[]")
        names = dict.fromkeys(name for image in found for name in image.get("Names") or [])  # once per tag
        return [name for name in names if name.startswith(self.repository + ":")]

    def _image_list(self) -> str:
        """List all images; podman gives up when another process removes one meanwhile, so ask again."""
        for _ in range(4):
            try:
                return self.podman.run("images", "--format", "json")
            except ToolError as error:
                if "not known" not in error.message:
                    raise
        return self.podman.run("images", "--format", "json")

    def forget(self, reference: str) -> None:
        """Remove an image's tag; podman drops layers that nothing needs. One that is gone already is no problem."""
        try:
            self.podman.run("rmi", reference)
        except ToolError as error:
            if "not known" not in error.message:
                raise

    def clear(self) -> None:
        """Remove every container of this sandbox, also those of a server that crashed."""
        names = self.podman.lines("ps", "-aq", "--filter", f"label={LABEL}={self.sandbox}")
        if names:
            self.podman.run("rm", "-f", "-t", "0", "-v", "-i", *names)

    def disk_gb(self) -> float:
        """Add up the writable layers of containers and the newest layer of each image."""
        sizes = self.podman.lines("ps", "-a", "--size", "--filter", f"label={LABEL}={self.sandbox}", "--format", "json")
        total = sum(item["Size"]["rwSize"] for item in json.loads("".join(sizes) or "[]") if item.get("Size"))
        for reference in self.references():
            top = self.podman.run("history", "--format", "json", "--human=false", reference)
            total += int((json.loads(top) or [{}])[0].get("size", 0))
        return round(float(total) / 1e9, 3)


def _both(port: str) -> str:
    number, _, kind = port.partition("/")
    return f"{number}:{number}/{kind}"
