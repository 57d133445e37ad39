"""What the sandbox tells about itself, as records: where it listens, what runs in it, what it was told to fail."""

from __future__ import annotations

import msgspec

ACCOUNT = "123456789012"
"""The sandbox's own account; every credential belongs to it."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API listens and what to sign requests with; any region is served by the same URL."""

    url: str
    access_key: str = "cws-build-sandbox"
    secret_key: str = "cws-build-sandbox"  # noqa: S105 - checked by nobody: the sandbox listens on loopback only
    region: str = "us-east-1"


class MachineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One machine. ``state`` is EC2's word, ``address`` the loopback address, ``image`` the AMI it started from."""

    instance_id: str
    region: str
    address: str
    state: str
    image: str
    name: str = ""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that shall go wrong: which calls it concerns, and what happens to them.

    Which calls: ``call`` (an API operation such as ``RunInstances``, or ``*``), ``region`` (empty: all), ``at``
    (only the n-th matching call, counted from 1; 0: every one), ``times`` (ends after that many hits; 0: stays
    until cleared). Every HTTP request counts, also those by which an SDK repeats a call.

    What happens, in this order, as far as given: ``delay`` seconds pass; ``throttle`` calls per ``period`` seconds
    pass and the others get RequestLimitExceeded; the call is refused with ``error`` and ``message``; ``fails`` lets
    the call succeed and what it began fail with this reason (the image of CreateImage, the copy of CopyImage, the
    machine of RunInstances); ``kills`` ends the machines that the call names or makes (``stopped`` or
    ``terminated``), ``after`` seconds later.
    """

    call: str = "*"
    region: str = ""
    at: int = 0
    times: int = 0
    delay: float = 0.0
    throttle: int = 0
    period: float = 1.0
    error: str = ""
    message: str = ""
    fails: str = ""
    kills: str = ""
    after: float = 0.0
    id: int = 0
    """Given by the sandbox."""
    hits: int = 0
    """How often it has struck; counted by the sandbox."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The sandbox as it is now. ``machines_real`` is False when the server runs the API without machines."""

    running: bool
    id: str
    pid: int = 0
    url: str = ""
    machines_real: bool = True
    machines: list[MachineStatus] = msgspec.field(default_factory=list)
    images: int = 0
    """Own images, over all regions."""
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
