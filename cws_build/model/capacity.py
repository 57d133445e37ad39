"""The capacity ladder: what to ask for next, decided from what EC2 said to the last request.

A machine is asked for without a zone first, as EC2 then chooses one that has room. What it answers tells the
next step: on demand instead of spot, another zone, another type, or none, when no other request would do better.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NO_CAPACITY = "InsufficientInstanceCapacity"
_NO_SPOT = {NO_CAPACITY, "SpotMaxPriceTooLow", "MaxSpotInstanceCountExceeded"}
_QUOTA = {"VcpuLimitExceeded", "InstanceLimitExceeded"}
_ASKED_ZONE = re.compile(r"Availability Zone(?: you requested)? \(([a-z0-9-]+)\)")
_OTHER_ZONES = re.compile(r"choosing ([a-z0-9, -]+)")


class Rung(msgspec.Struct, frozen=True):
    """One request."""

    instance_type: str
    zone: str = ""
    """Empty: EC2 chooses."""
    spot: bool = False

    def __str__(self) -> str:
        return f"{self.instance_type}{' (spot)' if self.spot else ''}{f' in {self.zone}' if self.zone else ''}"


class Ladder:
    """Where a launch stands.

    Args:
        types: Instance types, in the order in which they are tried.
        spot: Whether to begin with a spot machine.
        zones: Returns the zones that offer a type; empty where the zone is settled by a subnet.
    """

    def __init__(self, types: Sequence[str], zones: Callable[[str], Sequence[str]], *, spot: bool = False) -> None:
        self._types = list(types)
        self._zones = zones
        self._left: Iterator[str] | None = None
        self.rung = Rung(self._types.pop(0), spot=spot)

    def step(self, code: str, message: str) -> str:
        """Climb to the next request; return why in a few words, empty where there is no other to make."""
        if self.rung.spot and code in _NO_SPOT:
            self.rung = Rung(self.rung.instance_type, self.rung.zone)
            return f"no spot machine is to be had ({code}); asking for one on demand"
        if code in _QUOTA:
            return self._other_type(f"the account's quota is used up ({code})", family=True)
        if code == NO_CAPACITY or (code == "Unsupported" and "Availability Zone" in message):
            return self._other_zone(f"{self.rung} is not to be had", message)
        return ""

    def _other_zone(self, why: str, message: str) -> str:
        if self._left is None:
            self._left = iter(_in_order(list(self._zones(self.rung.instance_type)), message))
        zone = next(self._left, "")
        if not zone:
            return self._other_type(why, family=False)
        self.rung = Rung(self.rung.instance_type, zone, self.rung.spot)
        return f"{why}; asking in {zone}"

    def _other_type(self, why: str, *, family: bool) -> str:
        own = _family(self.rung.instance_type)
        while self._types and family and _family(self._types[0]) == own:
            self._types.pop(0)
        if not self._types:
            return ""
        self._left = None
        self.rung = Rung(self._types.pop(0), spot=self.rung.spot)
        return f"{why}; asking for {self.rung.instance_type}"


def _family(instance_type: str) -> str:
    return instance_type.partition(".")[0]


def _in_order(zones: list[str], message: str) -> list[str]:
    """Put the zones that EC2 recommends first, and leave away the one that it has just refused."""
    refused = _ASKED_ZONE.search(message)
    offered = _OTHER_ZONES.search(message)
    better = [word.strip() for word in offered[1].split(",")] if offered else []
    left = [zone for zone in zones if refused is None or zone != refused[1]]
    return sorted(left, key=lambda zone: (zone not in better, zone))
