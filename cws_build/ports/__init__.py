"""Protocols of the outside world: what a verb may ask of it, and nothing about how it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from cws_build.model.events import Event

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cws_build.model.image import Ami, ImageQuery, Resource

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
    region: str = ""
    """The one region that the build runs in; the stream's resources are reported there."""
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

    @property
    def executable(self) -> str:
        """The path of the binary; raises ToolMissing."""
        ...

    def prepare(self) -> None:
        """Get ready for a build that will probably begin, while other things are waited for; raises nothing."""
        ...

    def version(self) -> PackerVersion:
        """Ask the binary for its version; raises ToolMissing."""
        ...

    def plugins(self) -> list[str]:
        """Return the plugins that the binary finds, by file name; empty for one that has its plugins built in."""
        ...

    def validate(self, request: BuildRequest) -> None:
        """Check a rendered folder; raises ToolError with Packer's diagnostics."""
        ...

    def build(self, request: BuildRequest, emit: Emit, cancel: Cancel) -> BuildReport:
        """Run one build, streaming events; never raises for a failed build, the report tells."""
        ...


class Cloud(Protocol):
    """One account in one region. Every method raises `CloudError` or one of its children."""

    region: str

    def images(self, query: ImageQuery) -> list[Ami]:
        """Return all images that answer a query, every page of them, in no particular order."""
        ...

    def parameter(self, name: str) -> str | None:
        """Return the value of an SSM parameter, None where there is none."""
        ...

    def identity(self) -> str:
        """Return the ARN of whoever the credentials belong to."""
        ...

    def import_key(self, name: str, public_key: str, tags: Mapping[str, str]) -> None:
        """Register a public key."""
        ...

    def create_group(self, name: str, subnet: str, cidr: str, tags: Mapping[str, str]) -> str:
        """Make a security group in the subnet's network, or in the default one, that admits SSH from ``cidr``.

        Returns its id.
        """
        ...

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Set tags on resources."""
        ...

    def describe(self, image: str, text: str) -> None:
        """Set the description of an image."""
        ...

    def demand_imdsv2(self, resource: str) -> None:
        """Make an instance, or all machines started from an image, refuse the old metadata protocol."""
        ...

    def resources(self, runs: Sequence[str]) -> list[Resource]:
        """Return everything that carries the run tag; of the given runs only, or of all when none are given."""
        ...

    def untagged_images(self, names: Sequence[str]) -> list[Resource]:
        """Return own images by name, and the snapshots behind them: what a tool made and died before tagging."""
        ...

    def remove(self, resource: Resource) -> None:
        """Remove a resource and wait until it is gone; removing what is gone already is no error."""
        ...

    def address(self, instance: str) -> str:
        """Return the address at which a machine can be reached: its public one, else its private one."""
        ...


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a run wrote down of itself before it touched anything."""

    id: str
    verb: str
    subject: str
    account: str
    """``aws`` or ``sandbox``: a run is only reaped where it ran."""
    region: str
    digest: str = ""
    image_name: str = ""
    """The name that the image will get, for finding it before it has tags."""
    started: str = ""
    expires: str = ""
    """ISO 8601 UTC; from then on its resources count as abandoned wherever they are seen."""


class Run(Protocol):
    """One run's folder and journal. A line is on disk before the resource that it names is asked for."""

    info: RunInfo
    folder: Path

    def intend(self, kind: str, name: str) -> None:
        """Write down that a resource is about to be asked for."""
        ...

    def made(self, kind: str, ident: str, intended: str = "") -> None:
        """Write down that a resource exists, and that no more is asked for under the name it was ``intended`` by."""
        ...

    def gone(self, *resources: tuple[str, str]) -> None:
        """Write down that resources, each a kind and an id, were removed, or were handed over as a result."""
        ...

    def keep(self, until: str) -> None:
        """Write down that resources stay on purpose until a time."""
        ...

    def finish(self, outcome: str, result: object = None) -> None:
        """Close the journal: nothing of this run is left, but what `keep` named. Keep the result, JSON-ready."""
        ...


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run from its journal."""

    info: RunInfo
    folder: Path
    alive: bool
    """Its process still runs; of a run of another machine: its time is not over."""
    finished: bool
    kept_until: str = ""
    open: tuple[tuple[str, str], ...] = ()
    """Resources written down and not seen gone: (kind, id or name)."""


class EndedRun(msgspec.Struct, frozen=True):
    """A run that has ended, and the result that it kept, as JSON."""

    info: RunInfo
    result: dict[str, Any]


class Runs(Protocol):
    """All runs in the store: those of this user on this machine, and of others who share it.

    What runs in another machine's sandbox is left out. Methods that read or write journals raise `StoreError`.
    """

    def prepare(self) -> None:
        """Get ready for a run that will probably begin, while other things are waited for; changes nothing."""
        ...

    def begin(self, info: RunInfo) -> AbstractContextManager[Run]:
        """Open a run: its folder, its journal, and a lock that the kernel frees when the process dies.

        Raises:
            ToolError: The folder cannot be made.
            StoreError: The journal cannot be written; told at the latest by its first line, before any resource.
        """
        ...

    def ended(self, account: str) -> Iterator[EndedRun]:
        """Yield the runs of an account that kept a result, oldest first."""
        ...

    def recipe(self, run: str) -> dict[str, Any] | None:
        """Return the recipe that a run of this machine worked on, None for a run of another one."""
        ...

    def past(self, *, unfinished: bool = False) -> list[PastRun]:
        """Return every run, or those alone whose journal was never closed, oldest first."""
        ...

    def lock(self, name: str, waiting: Callable[[], None], cancel: Cancel) -> AbstractContextManager[None]:
        """Hold a named lock among all processes of this machine; ``waiting`` is called once when it is taken."""
        ...

    def end_children(self, run: PastRun) -> None:
        """End the processes that a dead run left behind, giving them time to clean up themselves."""
        ...

    def forget(self, run: PastRun) -> None:
        """Close a dead run's journal after nothing of it is left."""
        ...


class KeyMaker(Protocol):
    """Makes SSH key pairs."""

    def __call__(self, path: Path, comment: str) -> str:
        """Write a new ed25519 private key to ``path``, readable by its owner alone; return the public key."""
        ...
