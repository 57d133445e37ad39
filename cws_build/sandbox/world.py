"""What every part of a running server shares: who it is, where its addresses lie, what was saved."""

from __future__ import annotations

import ipaddress
import platform
import threading
import time

import msgspec

from cws_build.sandbox.ec2.images import ImageRecord
from cws_build.sandbox.ec2.settings import BinRule, Settings, Stay, UsageReport
from cws_build.sandbox.key_records import KeyRecord
from cws_build.sandbox.records import ACCOUNT
from cws_build.sandbox.regions import Regions


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
    groups: list[str] = msgspec.field(default_factory=list)
    """Who else may read it: accounts, and ``all``."""
    completed: float = 0.0
    """When it was done; 0 while it is not, and where nobody has noted it."""
    written: int = 0
    """Bytes of its file system, measured when it was done; 0 where it holds none."""


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
    tier: str = "Standard"
    pattern: str = ""
    """What values must look like, a regular expression."""
    key: str = ""
    """The KMS key of a SecureString."""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    """The parameter's tags, with its newest version."""


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
    settings: Settings = msgspec.field(default_factory=Settings)
    rules: list[BinRule] = msgspec.field(default_factory=list)
    """Of the recycle bin."""
    stays: dict[str, Stay] = msgspec.field(default_factory=dict)
    """How long what is in the recycle bin stays there."""
    binned_images: list[ImageRecord] = msgspec.field(default_factory=list)
    binned_snapshots: list[SnapshotRecord] = msgspec.field(default_factory=list)
    reports: list[UsageReport] = msgspec.field(default_factory=list)
    keys: list[KeyRecord] = msgspec.field(default_factory=list)
    encrypts: bool = False
    """New disks are encrypted, whoever asks for them."""
    default_key: str = ""
    """With what new disks are encrypted that name no key; empty for Amazon's own key."""

    def empty(self) -> bool:
        """Tell whether there is nothing worth saving."""
        resources = self.images or self.snapshots or self.parameters
        keys = self.keys or self.encrypts or self.default_key
        return not (resources or keys or self.stays or self.rules or self.reports or self.settings != Settings())


COPIES = 20
"""How many snapshot copies may be under way in one region of an account."""
_ELSEWHERE = ipaddress.IPv4Network("172.31.0.0/22")
"""The network of an account for whose machines no addresses are left."""


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
        self.regions = Regions()
        self.subscriptions: set[str] = set()
        """Product codes of AWS Marketplace that the accounts have subscribed to."""
        self.copies_at_most = COPIES
        """How many snapshot copies may be under way, for the call that is being answered."""
        self._networks: dict[tuple[str, str], ipaddress.IPv4Network] = {}
        self.ahead = 0.0
        """Seconds by which the sandbox's clock was put forward."""
        self.lock = threading.RLock()
        """Held by every API call and by every change that a worker makes."""

    def now(self) -> float:
        """Return the time by which images age, cooldowns end and the recycle bin is emptied."""
        return time.time() + self.ahead

    def network(self, account: str, region: str, regions: list[str]) -> ipaddress.IPv4Network:
        """Return the addresses of a region of an account.

        The sandbox's own account has a /22 in every region, others a /25 of what is left, in the order in which they
        appear. When nothing is left an account gets AWS's usual network, in which no machine can be reached.
        """
        parts = list(self.block.subnets(new_prefix=22))
        if account == ACCOUNT:
            return parts[regions.index(region)]
        if (account, region) not in self._networks:
            left = (small for part in parts[len(regions) :] for small in part.subnets(new_prefix=25))
            taken = set(self._networks.values())
            self._networks[account, region] = next((small for small in left if small not in taken), _ELSEWHERE)
        return self._networks[account, region]

    def repository(self) -> str:
        """Return the podman repository that holds this sandbox's file systems, one tag per snapshot."""
        return repository(self.sandbox)
