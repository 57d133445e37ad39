"""Faults: which call goes wrong, and how."""

from __future__ import annotations

import threading
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cws_build.sandbox.records import Fault
    from cws_build.sandbox.request import Asked

MESSAGES = {
    "RequestLimitExceeded": "Request limit exceeded.",
    "InsufficientInstanceCapacity": (
        "We currently do not have sufficient capacity in the Availability Zone you requested. "
        "Our system will be working on provisioning additional capacity."
    ),
    "UnauthorizedOperation": "You are not authorized to perform this operation.",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
    "VcpuLimitExceeded": "You have requested more vCPU capacity than your current vCPU limit allows.",
    "ResourceLimitExceeded": "Too many snapshot copies in progress. The limit is 5 for this destination region.",
    "OptInRequired": "In order to use this AWS Marketplace product you need to accept terms and subscribe.",
    "InternalError": "An internal error has occurred",
    "Unavailable": "The server is overloaded and can't handle the request.",
}
"""What AWS says with a code, where a fault names no message."""
STATUS = {
    "AccessDenied": 403,
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "OptInRequired": 401,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "Unavailable": 503,
    "UnauthorizedOperation": 403,
}
"""HTTP statuses of codes; 400 otherwise. SDKs repeat what came with a 5xx by themselves, as they do on AWS."""


class Refusal(msgspec.Struct, frozen=True):
    """An answer in the place of the call's own."""

    code: str
    message: str

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return STATUS.get(self.code, 400)


class Verdict(msgspec.Struct, frozen=True):
    """What happens to one call: wait, then refuse it or let it pass and spoil what it began."""

    delay: float = 0.0
    latency: float = 0.0
    refusal: Refusal | None = None
    fails: str = ""
    lasts: float = 0.0
    limit: int = 0
    kills: tuple[tuple[str, float], ...] = ()

    @property
    def spoils(self) -> bool:
        """Tell whether it concerns what the call begins."""
        return bool(self.fails or self.kills or self.lasts)


class Faults:
    """The faults in force. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seen: dict[int, int] = {}
        self._passed: dict[int, list[float]] = {}
        self._next = 1

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force, and return it with its id."""
        with self._lock:
            fault = msgspec.structs.replace(fault, id=self._next, hits=0)
            self._next += 1
            self._faults.append(fault)
            return fault

    def list(self) -> list[Fault]:
        """Return the faults in force with how often each has struck."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Put all faults out of force."""
        with self._lock:
            self._faults.clear()

    def judge(self, asked: Asked) -> Verdict:
        """Decide what happens to a call; counts it."""
        with self._lock:
            struck = [fault for fault in self._faults if _concerns(fault, asked) and self._strikes(fault)]
            for fault in struck:
                self._count(fault)
            return _verdict(struck)

    def _strikes(self, fault: Fault) -> bool:
        self._seen[fault.id] = self._seen.get(fault.id, 0) + 1
        if fault.at and self._seen[fault.id] != fault.at:
            return False
        return not fault.throttle or self._throttled(fault)

    def _throttled(self, fault: Fault) -> bool:
        now = time.monotonic()
        recent = [t for t in self._passed.get(fault.id, []) if now - t < fault.period]
        full = len(recent) >= fault.throttle
        self._passed[fault.id] = recent if full else [*recent, now]
        return full

    def _count(self, fault: Fault) -> None:
        position = self._faults.index(fault)
        counted = msgspec.structs.replace(fault, hits=fault.hits + 1)
        if fault.times and counted.hits >= fault.times:
            del self._faults[position]
        else:
            self._faults[position] = counted


def _concerns(fault: Fault, asked: Asked) -> bool:
    if fault.call not in {"*", asked.call} or fault.region not in {"", asked.region}:
        return False
    if fault.account not in {"", asked.account}:
        return False
    given = asked.parameters
    return all(fnmatchcase(given.get(name, ""), wanted) for name, wanted in fault.where.items())


def _verdict(struck: list[Fault]) -> Verdict:
    refusal = None
    for fault in struck:
        code = fault.error or ("RequestLimitExceeded" if fault.throttle else "")
        if code and refusal is None:
            refusal = Refusal(code, fault.message or MESSAGES.get(code, "The sandbox was told to refuse this call."))
    return Verdict(
        delay=sum(fault.delay for fault in struck),
        latency=max((fault.latency for fault in struck), default=0.0),
        refusal=refusal,
        fails=next((fault.fails for fault in struck if fault.fails), ""),
        lasts=max((fault.lasts for fault in struck), default=0.0),
        limit=min((fault.limit for fault in struck if fault.limit), default=0),
        kills=tuple((fault.kills, fault.after) for fault in struck if fault.kills),
    )
