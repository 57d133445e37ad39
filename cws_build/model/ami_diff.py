"""What one image has that another has not: a value, and a pure function that computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.model.created_tags import known_layers
from cws_build.model.image import VERSION_TAG, Ami
from cws_build.model.inventory import Inventory

if TYPE_CHECKING:
    from collections.abc import Mapping


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two images."""

    ami: Ami
    inventory: Inventory | None
    """None where none was taken."""
    gb: float | None = None
    """GiB that were written to its disks; None where AWS does not tell."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed among named things, each with its value."""

    added: dict[str, str] = {}
    removed: dict[str, str] = {}
    changed: dict[str, tuple[str, str]] = {}
    """Name -> what it was, what it is."""

    @property
    def empty(self) -> bool:
        """Whether nothing has changed."""
        return not (self.added or self.removed or self.changed)


class AmiDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Two images side by side, from the older to the newer."""

    a: dict[str, Any]
    """``ami_id``, ``region``, ``name``, ``version``, ``created``, ``inventory`` (when it was taken, or null)."""
    b: dict[str, Any]
    facts: Changes
    """``base``, ``base_ami``, ``architecture``, ``os``, ``kernel``, ``volume_gb``."""
    gb: tuple[float | None, float | None]
    """What was written to the disks of either."""
    layers: Changes
    packages: dict[str, Changes]
    """By package manager; those without changes are left away."""
    services: Changes
    users: Changes
    ports: Changes
    warnings: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is known to have changed."""
        parts = (self.facts, self.layers, self.services, self.users, self.ports)
        return all(part.empty for part in parts) and not self.packages


def compare(a: Side, b: Side) -> AmiDiff:
    """Compare two images; without both inventories, by their tags alone, which a warning says."""
    missing = [side.ami.id for side in (a, b) if side.inventory is None]
    old, new = (a.inventory, b.inventory) if not missing else (None, None)
    managers = sorted({*(old.packages if old else {}), *(new.packages if new else {})})
    packages = {
        name: changes(old.packages.get(name, {}), new.packages.get(name, {})) for name in managers if old and new
    }
    return AmiDiff(
        a=_said(a),
        b=_said(b),
        facts=changes(_facts(a, old), _facts(b, new)),
        gb=(a.gb, b.gb),
        layers=changes(*(dict(known_layers(side.ami.tags)) for side in (a, b))),
        packages={name: found for name, found in packages.items() if not found.empty},
        services=changes(*_both(old, new, "services")),
        users=changes(*_both(old, new, "users")),
        ports=changes(*_both(old, new, "ports")),
        warnings=tuple(f"no inventory of {ident} was taken: only tags are compared" for ident in missing),
    )


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> Changes:
    """Return how one mapping becomes another, sorted by name."""
    return Changes(
        added={name: new[name] for name in sorted(new.keys() - old.keys())},
        removed={name: old[name] for name in sorted(old.keys() - new.keys())},
        changed={name: (old[name], new[name]) for name in sorted(old.keys() & new.keys()) if old[name] != new[name]},
    )


def _both(old: Inventory | None, new: Inventory | None, part: str) -> tuple[dict[str, str], dict[str, str]]:
    return getattr(old, part, {}), getattr(new, part, {})


def _facts(side: Side, inventory: Inventory | None) -> dict[str, str]:
    tags = side.ami.tags
    told = {"base": tags.get("cws:base", ""), "base_ami": tags.get("cws:base-ami", "")}
    told |= {"architecture": side.ami.architecture, "volume_gb": str(side.ami.volume_gb or "")}
    told |= {"os": inventory.os, "kernel": inventory.kernel} if inventory else {}
    return {name: value for name, value in told.items() if value}


def _said(side: Side) -> dict[str, Any]:
    ami = side.ami
    return {
        "ami_id": ami.id,
        "region": ami.region,
        "name": ami.name,
        "version": ami.tags.get(VERSION_TAG, ""),
        "created": ami.created,
        "inventory": side.inventory.taken if side.inventory else None,
    }
