"""What every part of a running server shares: who it is, where its addresses lie, what was saved."""

from __future__ import annotations

import platform
import threading
from typing import TYPE_CHECKING

import msgspec

from cws_build.sandbox.ec2.images import ImageRecord

if TYPE_CHECKING:
    import ipaddress


class SnapshotRecord(msgspec.Struct, kw_only=True):
    """A snapshot as it is saved; ``size`` in GiB, times in seconds since the epoch."""

    id: str
    size: int
    description: str
    owner: str
    created: float
    volume: str
    state: str = "completed"
    reason: str = ""
    encrypted: bool = False
    kms_key: str = ""
    image: str = ""
    users: list[str] = msgspec.field(default_factory=list)


class ParameterRecord(msgspec.Struct, kw_only=True):
    """One version of an own SSM parameter."""

    name: str
    value: str
    kind: str
    version: int
    modified: float
    data_type: str = "text"
    description: str = ""
    labels: list[str] = msgspec.field(default_factory=list)


class RegionRecord(msgspec.Struct, kw_only=True):
    """What survives of one region of one account."""

    account: str
    region: str
    images: list[ImageRecord] = msgspec.field(default_factory=list)
    snapshots: list[SnapshotRecord] = msgspec.field(default_factory=list)
    tags: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    parameters: list[ParameterRecord] = msgspec.field(default_factory=list)
    tokens: dict[str, str] = msgspec.field(default_factory=dict)
    """Client tokens of copies, with the image each one made."""

    def empty(self) -> bool:
        """Tell whether there is nothing worth saving."""
        return not (self.images or self.snapshots or self.parameters)


def host_architecture() -> str:
    """Return EC2's word for this computer's processor."""
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)


def repository(sandbox: str) -> str:
    """Return the podman repository that holds a sandbox's file systems, one tag per snapshot."""
    return f"localhost/cws-build-sandbox-{sandbox}"


class World:
    """The server's shared state.

    Args:
        sandbox: The sandbox's id, which labels everything it makes.
        block: The loopback addresses that are its own, a /16.
        bases: Login user -> podman image of the base machine; empty without machines.
        saved: What an earlier server left, by account and region.
    """

    def __init__(
        self,
        sandbox: str,
        block: ipaddress.IPv4Network,
        bases: dict[str, str],
        saved: dict[tuple[str, str], RegionRecord],
    ) -> None:
        self.sandbox = sandbox
        self.block = block
        self.bases = bases
        self.saved = saved
        self.architecture = host_architecture()
        self.lock = threading.RLock()
        """Held by every API call and by every change that a worker makes."""

    def network(self, region: str, regions: list[str]) -> ipaddress.IPv4Network:
        """Return the /22 of a region inside the block: up to 64 regions with 1,024 addresses each."""
        parts = list(self.block.subnets(new_prefix=22))
        return parts[regions.index(region) % len(parts)]

    def repository(self) -> str:
        """Return the podman repository that holds this sandbox's file systems, one tag per snapshot."""
        return repository(self.sandbox)
