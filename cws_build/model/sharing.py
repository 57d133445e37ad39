"""Who an image is meant to be shared with: our own record, as AWS cannot be asked for all of it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cws_build.ports.store import Record


class Grantee(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One consumer of an image."""

    kind: str
    """``account``, ``org``, ``ou``, ``community`` or ``public``."""
    id: str = ""
    """An account's 12 digits, an ARN, a community's name; empty for the public."""
    level: str = "launch"
    """``launch``: the image alone; ``copy``: its snapshots and keys as well."""
    region: str = ""
    """The only region where it holds; empty for wherever the image has a copy."""


class Sharing(Record, frozen=True, kw_only=True):
    """The shares that an image shall have; the key is the image's id. A copy has the shares of its master."""

    KIND: ClassVar[str] = "sharing"

    region: str
    grantees: tuple[Grantee, ...] = ()
    suspended: bool = False
    """The image is disabled, for which AWS forgets its shares; ``ami enable`` puts them back."""


class Community(Record, frozen=True, kw_only=True):
    """A named group of accounts; the key is its name."""

    KIND: ClassVar[str] = "community"

    accounts: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    """Members no more, from whom not everything could be taken away yet."""
    ended: bool = False
    """The whole community is being removed."""
