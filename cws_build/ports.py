"""Protocols of the outside world: what a verb may ask of it, and nothing about how it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from cws_build.model.events import Event

Emit = Callable[[Event], None]
"""Where events go."""


class Cancel(Protocol):
    """A flag that another thread may raise to end a long call; ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Tell whether the call should end."""
        ...


class Outcome(msgspec.Struct, frozen=True):
    """How a child process ended. ``code`` is negative for a signal; ``interrupted`` when *we* ended it."""

    argv: tuple[str, ...]
    code: int
    seconds: float
    tail: tuple[str, ...] = ()
    """The last lines of its output, scrubbed."""
    interrupted: bool = False


class PackerVersion(msgspec.Struct, frozen=True, order=True):
    """A Packer version, comparable."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class Artifact(msgspec.Struct, frozen=True):
    """What one Packer source produced: region -> AMI id."""

    target: str
    amis: dict[str, str]


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One Packer build: a rendered folder, its variables, and whom to tell."""

    folder: Path
    """The workspace's ``packer`` folder."""
    variables: Path
    """A ``.pkrvars.json`` file; secrets never stand in it."""
    environment: Mapping[str, str]
    """Added to a minimal environment: credentials and endpoints."""
    secrets: Sequence[str] = ()
    """Texts that must not appear in any line that leaves the driver."""
    on_error: str = "cleanup"
    """``cleanup`` or ``abort``."""
    run: str = ""
    subject: str = ""
    log: Path
    """Every line Packer printed, scrubbed, is kept here."""
    events: Path
    """Where the Ansible callback plugin writes its events as JSON lines."""


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a Packer build ended: verdicts from exit code and the machine-readable stream, never from prose."""

    outcome: Outcome
    artifacts: tuple[Artifact, ...] = ()
    errors: tuple[str, ...] = ()
    """The ``error`` records of the stream, one per failed target."""


class Packer(Protocol):
    """The Packer binary. The names are its own subcommands."""

    def version(self) -> PackerVersion:
        """Ask the binary for its version; raises ToolMissing."""
        ...

    def validate(self, request: BuildRequest) -> None:
        """Check a rendered folder; raises ToolError with Packer's diagnostics."""
        ...

    def build(self, request: BuildRequest, emit: Emit, cancel: Cancel) -> BuildReport:
        """Run one build, streaming events; never raises for a failed build, the report tells."""
        ...
