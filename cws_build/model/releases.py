"""Versions of a template as images: what exists, in which order, and under which channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.model.image import ARCHITECTURE_TAG, DIGEST_TAG, VERSION_TAG, Ami
from cws_build.model.image_tags import PARTIAL_TAG
from cws_build.model.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One finished image of a version."""

    version: str
    ami: Ami
    architecture: str
    channels: tuple[str, ...] = ()

    def age_days(self, now: datetime) -> float:
        """Return how old the image is."""
        from datetime import datetime

        return (now - datetime.fromisoformat(self.ami.created)).total_seconds() / 86400


def releases_of(images: Iterable[Ami], channels: Mapping[str, Iterable[str]]) -> list[Release]:
    """Return the finished images among some, the newest version first, of one version the newest image first.

    Args:
        images: Of one template in one region.
        channels: Image id -> the channels that name it.
    """
    found = [
        Release(
            version=ami.tags.get(VERSION_TAG, ""),
            ami=ami,
            architecture=ami.tags.get(ARCHITECTURE_TAG, ami.architecture),
            channels=tuple(sorted(channels.get(ami.id, ()))),
        )
        for ami in images
        if DIGEST_TAG in ami.tags and PARTIAL_TAG not in ami.tags
    ]
    return sorted(found, key=lambda one: (version_key(one.version), one.ami.created, one.ami.id), reverse=True)
