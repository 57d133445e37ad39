"""A real machine for tests: the sandbox's base image, booted by podman, reached over ssh as a bake reaches it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from cws_build.places import cache_dir
from cws_build.sandbox.base import ensure_base
from cws_build.sandbox.host import INSIDE, write_folder
from cws_build.sandbox.machines import CAPABILITIES
from cws_build.sandbox.podman import Podman

ROLES = Path(__file__).parents[2] / "playbooks" / "roles"
LOGIN = "admin"


def lacking() -> str:
    """Say what keeps machines from booting here, or nothing."""
    missing = [tool for tool in ("podman", "runc", "debootstrap", "ssh", "ssh-keygen") if not shutil.which(tool)]
    if os.geteuid() != 0:
        return "machines need root"
    return f"machines need {', '.join(missing)}" if missing else ""


class Host:
    """This computer, with what its machines share: podman, a key pair and the way to package indexes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.podman = Podman(folder / "containers.conf")
        self.base = ensure_base(self.podman, cache_dir() / "sandbox", lambda _event: None)[LOGIN]
        self.key = folder / "key"
        self.made: list[tuple[str, str]] = []
        write_folder(folder / "host")
        subprocess.run([tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)

    def boot(self, image: str) -> Machine:
        """Boot an image as a new instance, with our key for its login user."""
        identity = uuid.uuid4().hex[:12]
        name = f"roles-{identity}"
        number = int(identity, 16)
        address = f"127.15.{number % 250 + 2}.{number // 250 % 250 + 2}"
        seed = self.folder / name
        seed.mkdir()
        meta = {"instance-id": f"i-{identity}", "public-keys": [self.key.with_suffix(".pub").read_text().strip()]}
        (seed / "meta-data").write_text(json.dumps(meta))
        (seed / "user-data").write_text("")
        (seed / "vendor-data").write_text("")
        self.made.append(("rm", name))
        settings = f"{self.folder}/host/systemd.conf:/run/systemd/system.conf.d/50-test.conf:ro"
        self.podman.run(
            "run", "-d", "--name", name, "--systemd=always", *(f"--cap-add={word}" for word in CAPABILITIES),
            "-v", f"{seed}:{INSIDE}/seed:ro", "-v", f"{self.folder}/host:{INSIDE}/host:ro", "-v", settings,
            "-p", f"{address}:22:22", image, "/sbin/init",
        )  # fmt: skip
        machine = Machine(self, name, address)
        machine.run("cloud-init status --wait >/dev/null; systemctl is-system-running --wait || true")
        return machine

    def clear(self) -> None:
        """Remove every machine and image that was made, newest first."""
        for kind, name in reversed(self.made):
            words = ["rm", "-f", "-t", "0", "-v", "-i"] if kind == "rm" else ["rmi", "-f"]
            self.podman.run(*words, name)


@dataclass
class Machine:
    """A booted machine."""

    host: Host
    name: str
    address: str

    def run(self, script: str) -> str:
        """Run a script as root from outside, so that a machine without keys answers as well."""
        return self.host.podman.run("exec", self.name, "bash", "-c", script).strip()

    def play(self, playbook: Path, *more: str) -> Played:
        """Apply a playbook with our roles over ssh."""
        inventory = self.host.folder / "inventory"
        inventory.write_text(f"{self.address} ansible_user={LOGIN} ansible_ssh_private_key_file={self.host.key}\n")
        return play(playbook, "-i", str(inventory), *more)

    def keep(self) -> str:
        """Keep its file system and return the image."""
        image = f"localhost/{self.name}:kept"
        self.host.podman.run("commit", "-q", self.name, image)
        self.host.made.append(("rmi", image))
        return image

    def login(self, command: str) -> str:
        """Run a command over ssh as the login user."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        words = [tool("ssh"), "-i", str(self.host.key), *options, f"{LOGIN}@{self.address}", command]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Played:
    """What a playbook run said."""

    code: int
    output: str

    def changed(self) -> list[str]:
        """Return the headers of the tasks that changed something."""
        header, found = "", []
        for line in self.output.splitlines():
            if line.startswith("TASK ["):
                header = line
            elif line.startswith("changed: ") and header not in found:
                found.append(header)
        return found


def play(playbook: Path, *more: str) -> Played:
    """Run ansible-playbook with our roles."""
    done = subprocess.run(
        [tool("ansible-playbook"), str(playbook), *more],
        env={
            **environment(),
            "ANSIBLE_ROLES_PATH": str(ROLES),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=30s -o UserKnownHostsFile=/dev/null",
            "ANSIBLE_PYTHON_INTERPRETER": "auto_silent",
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return Played(done.returncode, done.stdout + done.stderr)


def environment() -> dict[str, str]:
    """Return our own environment with this interpreter's programs first on PATH."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def tool(name: str) -> str:
    """Return a program of this interpreter's environment, or of PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or ""
