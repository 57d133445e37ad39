"""How fresh an image is, as numbers; and what is known of the base images that images were made from."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from cws_build.ports.store import Record


class BaseSeen(Record, frozen=True, kw_only=True):
    """A base image that was seen; the key is ``region/id``. Publishers take images away, and what they were stays."""

    KIND: ClassVar[str] = "base"

    name: str
    created: str
    deprecated: str = ""
    """ISO 8601 UTC; empty for never."""
    first_seen: str
    last_seen: str


class Advisory(Record, frozen=True, kw_only=True):
    """Somebody's word that a package must be mended; the key is its id, such as a CVE's."""

    KIND: ClassVar[str] = "advisory"

    package: str
    severity: str
    """``critical``, ``high``, ``medium`` or ``low``."""
    published: str
    """ISO 8601 UTC: what was baked earlier cannot have the mended package."""
    manager: str = ""
    """The package manager whose package is meant, such as ``deb``; empty for any."""


class Updated(Record, frozen=True, kw_only=True):
    """A bake that an update plan asked for; the key is its run."""

    KIND: ClassVar[str] = "updated"

    template: str
    ami_id: str
    at: str
    reasons: tuple[str, ...]
    budget: str
    usd: float | None


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """One image's age in every respect; None where something is not known."""

    age_days: float | None
    """Since the image was baked."""
    base_days_behind: float | None
    """Between the base image that it was made from and the newest one."""
    base_gone: bool
    """The base image that it was made from is not there any more."""
    base_deprecated: str
    """When that base image became or becomes deprecated; empty for never."""
    template_changed: tuple[str, ...]
    """The layers that are another today."""
    packages_pending: int | None
    """Packages of which an advisory says that they must be mended, or for which the distribution offered an update when
    it was last asked; None where nobody asked it and there is no inventory."""
    security_pending: int | None = None
    """Of those, the ones with a security update of the distribution; None where nobody asked it."""
    pending_as_of: str = ""
    """When it was asked, ISO 8601 UTC; empty for never."""


def days_between(earlier: str, later: str) -> float | None:
    """Return the days from one ISO 8601 time to another; None where one is not known."""
    if not (earlier and later):
        return None
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds() / 86400
