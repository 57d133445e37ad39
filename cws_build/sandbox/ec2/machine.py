"""The machine behind an instance: what it shall be, and what is being done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
"""EC2's states of an instance, and their codes."""


def set_state(instance: Instance, state: str, reason: str = "", code: str = "") -> None:
    """Put an instance into a state; ``reason`` and ``code`` become its StateReason."""
    instance._state.name = state  # noqa: SLF001 - moto offers no other way
    instance._state.code = CODES[state]  # noqa: SLF001
    if reason:
        instance._reason = reason  # noqa: SLF001
        instance.state_reason.message = reason
        instance.state_reason.code = code


class Machine:
    """What the sandbox knows of an instance beyond moto.

    Args:
        instance: moto's instance.
        rootfs: The podman image that holds the file system it starts from.
    """

    def __init__(self, instance: Instance, rootfs: str) -> None:
        self.instance = instance
        self.rootfs = rootfs
        self.busy = False
        """A worker is at it; the next step is decided when it is done."""
        self.made = False
        """Its file system exists."""
        self.booted = 0
        """The process id of its init when it was just booted, until somebody watches it."""
        self.ended = 0.0
        """When it was gone, in seconds since the epoch."""
        self.reboot = False
        """RebootInstances asked for it."""
        self.fails = ""
        """A fault: its next start fails with this reason."""
        self.sealed = False
        """A disk of it has a key that its account cannot use."""
        self.fault_kills: list[tuple[str, float]] = []
        """Faults: how it shall end, and how many seconds after it runs."""
        self.public = False
        """It has a public address while it is not stopped."""
        self.console = ""
        """Its console output as last read, kept for when it is gone."""

    @property
    def id(self) -> str:
        """The instance id."""
        return str(self.instance.id)

    @property
    def state(self) -> str:
        """EC2's word for its state."""
        return str(self.instance.state)

    @property
    def address(self) -> str:
        """Its loopback address."""
        return str(self.instance.private_ip_address)

    @property
    def region(self) -> str:
        """The region it runs in."""
        return str(self.instance.region_name)

    def show_public(self, *, shown: bool) -> None:
        """Give it its public address, or take it away: EC2 takes it from an instance that is stopped."""
        for nic in self.instance.nics.values():
            nic.public_ip = nic.private_ip_address if shown and self.public else None

    def ports(self) -> list[str]:
        """Return the ports to publish, as podman writes them: 22, and what its security groups let in at start."""
        ranges = {(22, 22, "tcp")}
        for group in self.instance.security_groups:
            for rule in group.ingress_rules:
                ranges |= _published(rule)
        return [f"{low}/{kind}" if low == high else f"{low}-{high}/{kind}" for low, high, kind in _merged(ranges)]


WIDEST = 128
"""Each published port costs a socket on the host; a wider rule publishes the usual service ports in it instead."""
USUAL = (80, 443, 3389, 3838, 4040, 5000, 5432, 5901, 6006, 8000, 8080, 8443, 8501, 8787, 8888, 9090)


def _published(rule: Any) -> set[tuple[int, int, str]]:  # noqa: ANN401 - moto's rule
    if rule.ip_protocol not in {"tcp", "udp", "-1"} or not rule.ip_range:
        return set()
    kind = "tcp" if rule.ip_protocol == "-1" else rule.ip_protocol
    low, high = (rule.from_port, rule.to_port) if rule.from_port is not None else (0, 65535)
    if high - low < WIDEST:
        return {(max(low, 1), high, kind)}
    return {(port, port, kind) for port in USUAL if low <= port <= high}


def _merged(ranges: set[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Join ranges that overlap: podman refuses a port named twice."""
    merged: list[tuple[int, int, str]] = []
    for low, high, kind in sorted(ranges, key=lambda r: (r[2], r[0], r[1])):
        if merged and merged[-1][2] == kind and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]), kind)
        else:
            merged.append((low, high, kind))
    return merged
