"""What was on a machine that was started from an image, before anybody had used it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cws_build.ports.store import Record


class Inventory(Record, frozen=True, kw_only=True):
    """The inventory of one image; the key is the image's id. A copy has its master's."""

    KIND: ClassVar[str] = "inventory"

    taken: str
    """When, ISO 8601 UTC."""
    os: str = ""
    """The distribution's own name for itself."""
    kernel: str = ""
    packages: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """Package manager -> name -> version; managers are ``deb``, ``rpm``, ``pip``, ``pip FOLDER``, ``conda FOLDER``,
    ``R``."""
    services: dict[str, str] = msgspec.field(default_factory=dict)
    """systemd's unit -> ``enabled``, ``running``, or both."""
    users: dict[str, str] = msgspec.field(default_factory=dict)
    """Who can log in -> shell."""
    ports: dict[str, str] = msgspec.field(default_factory=dict)
    """TCP port that others can reach -> program."""
