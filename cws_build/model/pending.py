"""The updates that a distribution offers for the packages of an image: what a look found, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from cws_build.ports.store import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SEVERITY_OF = {"critical": "critical", "important": "high", "moderate": "medium", "low": "low"}
"""The words of Red Hat's, Rocky's and Amazon's advisories -> ours. Debian and Ubuntu tell apt none."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What ``playbooks/pending.py`` prints on a machine."""

    packages: dict[str, tuple[str, str]] = {}
    """Name -> installed and offered version."""
    security: dict[str, str] = {}
    """Those of them that a security update is offered for -> its severity in the distribution's words, or empty."""
    unanswered: tuple[str, ...] = ()
    """Complaints of the package manager about sources that did not answer."""
    error: str = ""
    """Why nothing is known at all."""


class Pending(Record, frozen=True, kw_only=True):
    """The updates pending for an image; the key is the image's id, for a copy its master's."""

    KIND: ClassVar[str] = "pending"

    taken: str
    """When it was last looked, ISO 8601 UTC."""
    packages: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    """Name -> installed and offered version."""
    security: dict[str, str] = msgspec.field(default_factory=dict)
    """Those with a security update -> ``critical``, ``high``, ``medium``, ``low``; empty where it is not rated."""
    since: dict[str, str] = msgspec.field(default_factory=dict)
    """Those with a security update -> when one was first seen to be offered, on a machine of whichever image."""
    unanswered: tuple[str, ...] = ()
    """Sources that did not answer at that look: there may be more."""


class SecurityUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A security update that an image lacks."""

    package: str
    installed: str
    offered: str
    severity: str = ""
    """Empty where the distribution gives none."""
    since: str
    """When it was first seen, ISO 8601 UTC."""


def remembered(look: Look, taken: str, before: Pending | None, others: Iterable[Pending]) -> Pending:
    """Return what is kept of an image after a look.

    An image never changes, so what once was pending for it still is. A look that asked every source knows better, as
    an update may be taken back; one that did not adds to what was known. A security update counts from when one was
    first seen for this package of this image, or the very same version for another image.

    Args:
        look: What was found.
        taken: When, ISO 8601 UTC, in whole seconds.
        before: What was known of this image.
        others: What is known of other images.
    """
    rated = {name: SEVERITY_OF.get(word.lower(), "") for name, word in look.security.items() if name in look.packages}
    packages, security = look.packages, rated
    if before and look.unanswered:
        packages, security = before.packages | packages, before.security | security
    since = dict.fromkeys(security, taken) | _earliest(packages, security, others)
    for name, first in before.since.items() if before else ():
        if name in since:
            since[name] = min(first, since[name])
    return Pending(taken=taken, packages=packages, security=security, since=since, unanswered=look.unanswered)


def _earliest(
    packages: Mapping[str, tuple[str, str]], security: Mapping[str, str], others: Iterable[Pending]
) -> dict[str, str]:
    """Return when another image was first seen to lack the same security updates."""
    found: dict[str, str] = {}
    for other in others:
        for name, first in other.since.items():
            if name in security and packages[name][1] == other.packages[name][1]:
                found[name] = min(first, found.get(name, first))
    return found


def security_updates(pending: Pending) -> tuple[SecurityUpdate, ...]:
    """Return the security updates that an image lacks, those that are known for longest first."""
    found = [
        SecurityUpdate(
            package=name,
            installed=pending.packages[name][0],
            offered=pending.packages[name][1],
            severity=severity,
            since=pending.since[name],
        )
        for name, severity in pending.security.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.since, one.package)))
