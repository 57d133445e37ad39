"""What the sandbox tells about itself, as records: where it listens, what runs in it, what it was told to fail."""

from __future__ import annotations

import re

import msgspec

ACCOUNT = "123456789012"
"""The account of every credential that names no other."""
_ACCOUNT = re.compile(r"\d{12}")


def is_account(word: str) -> bool:
    """Tell whether a word is the number of an AWS account."""
    return _ACCOUNT.fullmatch(word) is not None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API listens and what to sign requests with; any region is served by the same URL."""

    url: str
    access_key: str = "cws-build-sandbox"
    secret_key: str = "cws-build-sandbox"  # noqa: S105 - checked by nobody: the sandbox listens on loopback only
    region: str = "us-east-1"

    def credentials(self, account: str = "") -> tuple[str, str]:
        """Return access key and secret of an account: its twelve digits are its access key."""
        return account or self.access_key, self.secret_key


class MachineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One machine. ``state`` is EC2's word, ``address`` the loopback address, ``image`` the AMI it started from."""

    instance_id: str
    region: str
    address: str
    state: str
    image: str
    name: str = ""
    account: str = ACCOUNT


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that shall go wrong: which calls it concerns, and what happens to them.

    Which calls: ``call`` (an API operation such as ``RunInstances``, or ``*``), ``region`` and ``account`` (empty:
    all), ``where`` (parameters as they travel, with ``*`` and ``?`` in the values: ``InstanceMarketOptions.MarketType:
    spot``), ``at`` (only the n-th matching call, counted from 1; 0: every one), ``times`` (ends after that many hits;
    0: stays until cleared). Every HTTP request counts, also those by which an SDK repeats a call.

    What happens, in this order, as far as given: ``delay`` seconds pass; ``throttle`` calls per ``period`` seconds
    pass and the others get RequestLimitExceeded; the call is refused with ``error`` and ``message``; ``fails`` lets
    the call succeed and what it began fail with this reason (the image of CreateImage, the copy of CopyImage, the
    machine of RunInstances); ``lasts`` lets a copy stay pending for that many seconds, with its snapshots' progress
    rising; ``limit`` is how many snapshot copies may be under way in the region, for CopyImage and CopySnapshot, where
    that is not AWS's twenty; ``kills`` ends the machines that the call names or makes (``stopped`` or ``terminated``),
    ``after`` seconds later. With ``latency`` the answer arrives no sooner than that many seconds after the request, as
    from far away: the work is done meanwhile, and calls do not wait for one another.
    """

    call: str = "*"
    region: str = ""
    account: str = ""
    where: dict[str, str] = {}
    at: int = 0
    times: int = 0
    delay: float = 0.0
    latency: float = 0.0
    throttle: int = 0
    period: float = 1.0
    error: str = ""
    message: str = ""
    fails: str = ""
    lasts: float = 0.0
    limit: int = 0
    kills: str = ""
    after: float = 0.0
    id: int = 0
    """Given by the sandbox."""
    hits: int = 0
    """How often it has struck; counted by the sandbox."""


class Stranger(msgspec.Struct, frozen=True, kw_only=True):
    """An image of another account, to be put into a region: what that account's owner would have set up.

    ``users`` are the accounts that may launch it where it is not ``public``; ``copyable`` shares its snapshots too.
    ``created`` and ``deprecated`` are seconds since the epoch (0: now, and never). ``source`` is an image of the
    region whose file system it holds; without one it holds the base machine of ``login``. ``parameters`` are public
    SSM parameters that name it. ``usage_operation`` other than RunInstances means a billing product.
    """

    region: str = "us-east-1"
    name: str
    owner: str = "210987654321"
    alias: str = ""
    """Amazon's own word for the owner: ``amazon`` or ``aws-marketplace``."""
    description: str = ""
    architecture: str = ""
    """``x86_64`` or ``arm64``; this computer's own where nothing is said."""
    size: int = 8
    public: bool = True
    users: list[str] = []
    copyable: bool = False
    encrypted: bool = False
    state: str = "available"
    created: float = 0.0
    deprecated: float = 0.0
    product_codes: list[str] = []
    parameters: list[str] = []
    platform_details: str = "Linux/UNIX"
    usage_operation: str = "RunInstances"
    source: str = ""
    login: str = "admin"


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An image of a stranger that is there now."""

    region: str
    image_id: str
    snapshot_id: str


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the account has subscribed to a product of AWS Marketplace."""

    product_code: str
    active: bool = True


class OptIn(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the account has enabled a region that must be opted in to."""

    region: str
    enabled: bool


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How many seconds the sandbox's clock is put forward; in an answer, by how many it is ahead altogether.

    Cooldowns, deprecation dates, the ages of allowed images, the recycle bin and usage reports go by that clock.
    """

    ahead: float


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The sandbox as it is now. ``machines_real`` is False when the server runs the API without machines."""

    running: bool
    id: str
    pid: int = 0
    url: str = ""
    machines_real: bool = True
    machines: list[MachineStatus] = msgspec.field(default_factory=list)
    images: int = 0
    """Images over all regions, of all accounts but those that publish base images."""
    organization: str = ""
    """The ARN of the organization that all accounts belong to."""
    faults: list[Fault] = msgspec.field(default_factory=list)
    disk_gb: float = 0.0
    """What the sandbox's images and machines hold beyond the cached base, in 10^9 bytes; 0 without podman."""
    memory_mb: float = 0.0
    """Resident memory of the server process."""
    started: float = 0.0
    log: str = ""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What a server that listens writes down for those who look for it (``server.json``)."""

    id: str
    pid: int
    url: str
    started: float
    machines_real: bool


class Alive(msgspec.Struct, frozen=True):
    """The quick answer of a server that is asked whether it is the one looked for."""

    id: str
