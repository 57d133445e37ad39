"""What a launch may ask of one region: machines, and what machine types there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cws_build.model.image import Resource
    from cws_build.ports import Cancel, Emit, Outcome


class MachineOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One RunInstances call. ``token`` makes it idempotent: the same token never starts a second machine."""

    token: str
    image: str
    instance_type: str
    key_name: str = ""
    subnet: str = ""
    zone: str = ""
    security_groups: tuple[str, ...] = ()
    instance_profile: str = ""
    root_device: str = ""
    volume_gb: int = 0
    """Size of the root volume; 0 for the image's own."""
    user_data: bytes = b""
    """As EC2 takes it, at most 16 KB before base64; gzip is allowed."""
    spot: bool = False
    tags: Mapping[str, str] = {}
    """Set on the instance and its volumes in the same call."""


class MachineState(msgspec.Struct, frozen=True, kw_only=True):
    """An instance as EC2 describes it."""

    id: str
    region: str
    state: str
    """``pending``, ``running``, ``stopping``, ``stopped``, ``shutting-down`` or ``terminated``."""
    instance_type: str
    image: str
    architecture: str = ""
    address: str = ""
    """Its public address, else its private one; empty while it has none."""
    private_address: str = ""
    launched: str = ""
    zone: str = ""
    spot: bool = False
    reason: str = ""
    """Why it is in this state, where AWS says so."""
    tags: dict[str, str] = {}
    key_name: str = ""
    security_groups: tuple[str, ...] = ()


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """How a machine is logged in to."""

    user: str
    key_file: Path | None = None
    """The private key; None for whatever keys the SSH agent and the user's own settings offer."""
    known_hosts: Path
    """Where the machine's host key is kept when it is first seen, and looked for afterwards."""

    @property
    def options(self) -> tuple[str, ...]:
        """Options for OpenSSH: accept a host key when it is first seen, and offer no key but the machine's own."""
        known = str(self.known_hosts).replace("%", "%%")
        mine = ("-i", str(self.key_file), "-o", "IdentitiesOnly=yes") if self.key_file else ()
        return ("-o", "StrictHostKeyChecking=accept-new", "-o", f'UserKnownHostsFile="{known}"', *mine)


class Machines(Protocol):
    """One region's machines. Every method raises `CloudError` or one of its children, with ``aws_code``."""

    region: str

    def run(self, order: MachineOrder) -> MachineState:
        """Start a machine; IMDSv2 is demanded. The same token gives the same machine."""
        ...

    def describe(self, ids: Sequence[str]) -> list[MachineState]:
        """Return machines by id; one that is not known is left away."""
        ...

    def tagged(self, tags: Mapping[str, str]) -> list[MachineState]:
        """Return machines by tags, without those that are terminated; an empty value stands for any."""
        ...

    def start(self, ident: str) -> None:
        """Start a stopped machine."""
        ...

    def stop(self, ident: str) -> None:
        """Stop a machine."""
        ...

    def console(self, ident: str) -> str:
        """Return the latest console output, empty where there is none."""
        ...

    def release(self, run: str) -> list[Resource]:
        """Take the run's and the expiry tag off its machines and what belongs to them; return what those were.

        What a run hands over as its result is nothing that `reap` may take. Images and their snapshots keep their
        tags. A key pair is named as elsewhere.
        """
        ...

    def lend(self, bucket: str, key: str, content: bytes, seconds: int) -> str:
        """Put an object into S3; return a URL by which anybody can read it for so many seconds."""
        ...

    def zones(self, instance_type: str) -> list[str]:
        """Return the availability zones that offer a type, sorted."""
        ...

    def open_ports(self, group: str, ports: Sequence[int], cidr: str) -> None:
        """Admit TCP ports to a security group; what is admitted already stays."""
        ...

    def written_gb(self, image: str) -> float | None:
        """Return the GB written to an image's snapshots, which a copy is billed by; None where it is not told."""
        ...


class Playbook(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a workspace's playbook on a machine, through ansible-runner."""

    workspace: Path
    """In ansible-runner's layout, with the inventory and the first layer in it; private to this run."""
    run: str = ""
    subject: str = ""
    secrets: Sequence[str] = ()
    events: Path
    """Where the callback plugin writes its events as JSON lines."""
    log: Path
    """What Ansible printed, scrubbed."""


class Play(Protocol):
    """A playbook whose Ansible has started, and which waits for its machine."""

    def run(self, cancel: Cancel) -> Outcome:
        """Let it go, and see it through; never raises for a failed task, the outcome tells.

        By now the workspace must name the machine, and the machine must answer.
        """
        ...


class Ansible(Protocol):
    """Runs playbooks on machines."""

    def begin(self, playbook: Playbook, emit: Emit) -> AbstractContextManager[Play]:
        """Start Ansible, which takes a second, up to where it needs the machine; leaving the context ends it.

        Args:
            playbook: What to run; its workspace need not name the machine yet.
            emit: Told of tasks as they happen.
        """
        ...


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a command on a machine came to."""

    code: int
    """Its exit status; 255 where SSH could not log in, or lost the machine."""
    out: str = ""
    err: str = ""
    """What it wrote to stdout and to stderr; the reason, where it could not be run."""
    ended: bool = False
    """It was ended by the flag."""


class Probe(Protocol):
    """Asks machines whether they answer."""

    def ssh(self, host: str) -> bool:
        """Tell whether an SSH server greets on port 22, within a second or so."""
        ...

    def port(self, host: str, port: int) -> bool:
        """Tell whether a service answers: HTTP with any status, or anything that accepts and stays."""
        ...

    def output_of(self, host: str, login: Login, command: Sequence[str]) -> str:
        """Run a short command over SSH and return what it printed; a sentence where that cannot be done."""
        ...

    def run(self, host: str, login: Login, script: str, cancel: Cancel) -> Said:
        """Run a script in a login shell over SSH, until its end or until the flag is raised."""
        ...
