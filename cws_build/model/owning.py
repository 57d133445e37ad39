"""An account's own images in short: what a list of thousands needs of each, and nothing looked up one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cws_build.model.created_tags import INSTANCE_TAG, MODIFIED_TAG
from cws_build.model.image import (
    ARCHITECTURE_TAG,
    BAKED_TAG,
    DIGEST_TAG,
    EXPIRES_TAG,
    RUN_TAG,
    TEMPLATE_TAG,
    VERSION_TAG,
)
from cws_build.model.image_tags import COPIED_TAG, PARTIAL_TAG

KEEP_TAG = "cws:keep"
"""Set by people on an image that no clean-up shall take, with the reason as its value."""
SHORT_TAGS = frozenset(
    {
        *(ARCHITECTURE_TAG, COPIED_TAG, DIGEST_TAG, EXPIRES_TAG, KEEP_TAG, PARTIAL_TAG, RUN_TAG, TEMPLATE_TAG),
        *(VERSION_TAG, BAKED_TAG, MODIFIED_TAG, INSTANCE_TAG),
    }
)
"""The tags that `OwnImage` has."""
_OURS = (TEMPLATE_TAG, RUN_TAG, COPIED_TAG)
UNPROTECTED = ("", "disabled")
"""AWS's words for an image that may be deregistered; none is told of by old endpoints."""


class OwnImage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One image of the account, in whatever state."""

    id: str
    region: str
    name: str
    architecture: str
    state: str
    """AWS's word: ``available``, ``pending``, ``failed``, ``disabled`` …"""
    created: str
    """ISO 8601 UTC, as the other times."""
    deprecated: str = ""
    public: bool = False
    protection: str = ""
    """AWS's word on deregistration protection."""
    last_launched: str = ""
    """Up to a day late; empty for never, or unknown."""
    volume_gb: int = 0
    """The sizes of all disks together."""
    snapshots: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    """Those of `SHORT_TAGS` that it has."""

    @property
    def ours(self) -> bool:
        """Whether this project made it."""
        return any(tag in self.tags for tag in _OURS)

    @property
    def template(self) -> str:
        """The template that it was made from; empty for none."""
        return self.tags.get(TEMPLATE_TAG, "")

    @property
    def version(self) -> str:
        """The template's version."""
        return self.tags.get(VERSION_TAG, "")

    @property
    def partial(self) -> bool:
        """Whether it holds the first layers alone."""
        return PARTIAL_TAG in self.tags

    @property
    def finished(self) -> bool:
        """Whether it holds all layers, and counts as ready."""
        return DIGEST_TAG in self.tags and not self.partial

    @property
    def adopted(self) -> bool:
        """Whether it is a copy of what is none of ours: a copy of ours says from the first what it is to be."""
        return COPIED_TAG in self.tags and not {TEMPLATE_TAG, RUN_TAG} & self.tags.keys()

    @property
    def protected(self) -> bool:
        """Whether AWS refuses to deregister it."""
        return self.protection not in UNPROTECTED

    @property
    def standing(self) -> str:
        """What it is, in one word.

        ``ready``, ``partial``, ``created`` (made of a machine, and not the recipe's), ``unfinished``, or AWS's word for
        an image that is not available.
        """
        if self.state != "available":
            return self.state
        if self.partial:
            return "partial"
        if self.finished or self.adopted or not self.ours:
            return "ready"
        return "created" if INSTANCE_TAG in self.tags else "unfinished"

    def age_days(self, now: datetime) -> float:
        """Return how old it is."""
        return days_since(self.created, now)


def days_since(moment: str, now: datetime) -> float:
    """Return the days from an ISO 8601 time to now; what is no time, as anybody may write into a tag, counts as now."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (now - (found if found.tzinfo else found.replace(tzinfo=UTC))).total_seconds() / 86400
