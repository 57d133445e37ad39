"""Images that go: the record that is written before the first call, and what is told of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from cws_build.ports.images import Reference
from cws_build.ports.store import Record


class Ties(msgspec.Struct, frozen=True, kw_only=True):
    """What ties an image to other accounts, read while it could still be asked."""

    master: str = ""
    """The image by which its shares are kept: itself, or what it is a copy of; empty where no record of shares is."""
    home: str = ""
    """The master's region."""
    keys: tuple[str, ...] = ()
    """The KMS keys of its disks, by ARN, where accounts have it."""
    accounts: tuple[str, ...] = ()
    """Whom it was shared with, by any way; their grants on the keys end with it."""


class Retirement(Record, frozen=True, kw_only=True):
    """An image that is being deregistered, or was; the key is its id."""

    KIND: ClassVar[str] = "retirement"

    region: str
    name: str = ""
    snapshots: tuple[str, ...] = ()
    """Those behind it when it was there: who deregisters an image loses track of them."""
    reason: str = ""
    status: str = "begun"
    """``begun`` before DeregisterImage, ``done`` when its snapshots and the grants on its keys are gone as well."""
    at: str = ""
    kept: Mapping[str, str] = {}
    """Snapshot -> why it is still there."""
    ties: Ties = Ties()
    intent_kept: bool = False
    """Who was meant to have it is still remembered: for copies, or for a recycle bin that can give it back."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One image that something is to be done with."""

    ami_id: str
    region: str
    name: str
    state: str
    """AWS's word; ``gone`` for one whose removal was begun and not finished."""
    snapshots: tuple[str, ...] = ()
    protection: str = ""
    references: tuple[Reference, ...] = ()
    """What would miss it."""
    elsewhere: Mapping[str, str] = {}
    """Region -> an image that is the same, and is left alone."""
    shared: bool = True
    """Somebody may have it; False where AWS was asked, and nobody has."""


class RetireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which images, and how far somebody has agreed."""

    images: tuple[str, ...]
    region: str = ""
    everywhere: bool = False
    """With the image that each is a copy of, and all copies."""
    agreed: bool = False
    even_if_referenced: bool = False
    """Agreed also to remove what is used, after it was named."""
    unprotect: bool = False
    """End their protection against deregistration first."""


class RetirePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be done, to be shown before it is."""

    verb: str
    """``deregister`` or ``disable``."""
    request: RetireRequest
    subjects: tuple[Subject, ...]
    warnings: tuple[str, ...] = ()

    @property
    def referenced(self) -> tuple[Subject, ...]:
        """The images that something uses."""
        return tuple(one for one in self.subjects if one.references)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one image."""

    ami_id: str
    region: str
    status: str
    """``done``, or ``failed``."""
    snapshots: tuple[str, ...] = ()
    """Those that are gone with it."""
    kept: Mapping[str, str] = {}
    """Snapshot -> why it is still there."""
    error: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """What is left behind although it is done; the same command again tries once more."""


class Retired(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all of them."""

    images: tuple[Outcome, ...]
    warnings: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that did not succeed."""
        return tuple(one for one in self.images if one.status == "failed")
