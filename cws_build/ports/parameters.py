"""What may be asked of one region's own SSM parameters, which name images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class NamedValue(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an SSM parameter."""

    name: str
    value: str
    version: int
    labels: tuple[str, ...] = ()
    """All of them in a history; elsewhere only the one that was asked for."""
    modified: str = ""


class Parameters(Protocol):
    """One region's own SSM parameters that name images. Every method raises `CloudError`."""

    region: str

    def get(self, name: str, label: str = "") -> NamedValue | None:
        """Return the newest version, or the one that bears a label; None where there is none."""
        ...

    def history(self, name: str) -> list[NamedValue]:
        """Return all versions that SSM keeps, oldest first; empty for a parameter that is not there."""
        ...

    def put(self, name: str, image: str, tags: Mapping[str, str]) -> int:
        """Write an image's id as a new version, of the data type that SSM checks; return the version."""
        ...

    def label(self, name: str, version: int, label: str) -> None:
        """Move a label to a version; it leaves the version that had it."""
        ...

    def below(self, prefix: str) -> list[NamedValue]:
        """Return the newest versions of all parameters below a path."""
        ...

    def remove(self, name: str) -> None:
        """Delete a parameter; deleting what is gone already is no error."""
        ...
