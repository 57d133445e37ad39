"""A recipe: what an environment consists of, as ordered layers that know their own identity.

An image is a prefix of a playbook. Each layer applies one Ansible role with its variables; its *chain digest*
names the machine that all layers up to and including it make::

    d0 = sha256(scheme, base, architecture)
    di = sha256(d(i-1), role, digest of the role's files, canonical JSON of the variables)

Each field is preceded by its length, so that no two different recipes can feed the same bytes to the hash.
Neither a clock nor a host nor a path enters, hence the same template gives the same digests everywhere.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEME = "cws-build recipe 1"
"""Changing how digests are made changes this, and with it every digest."""


class LayerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One role application before it has an identity."""

    name: str
    role: str
    variables: dict[str, Any]
    template: str
    """Slug of the template that asked for it: a parent's, or the template's own."""


class Layer(LayerSpec, frozen=True, kw_only=True):
    """One role application and the chain digest of the machine that it completes."""

    digest: str


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a bake or a launch has to do, in order, on one architecture."""

    template: str
    """Slug."""
    name: str
    description: str
    version: str
    base: str
    """Canonical name of the base, such as ``debian-12``."""
    architecture: str
    root: str
    """Digest of the empty prefix: the base image itself."""
    layers: tuple[Layer, ...]

    @property
    def digest(self) -> str:
        """The digest of the finished image."""
        return self.layers[-1].digest if self.layers else self.root

    def prefixes(self) -> dict[str, int]:
        """Map each chain digest to the number of layers it covers, the whole recipe included."""
        return {layer.digest: count for count, layer in enumerate(self.layers, start=1)}


def root_digest(base: str, architecture: str) -> str:
    """Return ``d0``, the digest of a base image before any layer."""
    return _sha256(SCHEME, base, architecture)


def chain(root: str, specs: Iterable[tuple[LayerSpec, str]]) -> tuple[Layer, ...]:
    """Give each layer its chain digest.

    Args:
        root: The digest of the empty prefix.
        specs: Layers in order, each with the digest of its role's files.
    """
    layers: list[Layer] = []
    digest = root
    for spec, role_digest in specs:
        digest = _sha256(digest, spec.role, role_digest, canonical(spec.variables))
        layers.append(Layer(**msgspec.structs.asdict(spec), digest=digest))
    return tuple(layers)


def canonical(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def files_digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the digest of a set of files, given as (relative path with slashes, content), in any order."""
    digest = hashlib.sha256()
    for path, content in sorted(files):
        for field in (path.encode(), content):
            digest.update(len(field).to_bytes(8, "big") + field)
    return digest.hexdigest()


def _sha256(*fields: str) -> str:
    digest = hashlib.sha256()
    for field in fields:
        data = field.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
