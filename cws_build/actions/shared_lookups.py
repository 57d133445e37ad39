"""What several resolutions ask together: each region's baked images in one call, and what is forgotten first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cws_build.model.image import DIGEST_TAG, Ami, ImageQuery
from cws_build.model.image_tags import description_pattern, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.context import Context
    from cws_build.model.recipe import Recipe
    from cws_build.ports.lookup import Lookup

_MOST_VALUES = 200
"""EC2's limit for the values of one filter."""


class Shared:
    """The regions as all resolutions of one command see them. Thread-safe.

    Args:
        ctx: The context.
        recipes: Of all templates that are resolved together.
        refresh: Believe no memory from before.
    """

    def __init__(self, ctx: Context, recipes: Iterable[Recipe], *, refresh: bool = False) -> None:
        self._ctx = ctx
        self._refresh = refresh
        self._digests = sorted({digest for recipe in recipes for digest in recipe.prefixes()})
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._refreshed: set[str] = set()
        self._baked: dict[str, list[Ami]] = {}

    def lookup(self, region: str) -> Lookup:
        """Return a region; raises InputError where none is named or configured."""
        lookup = self._ctx.lookup(region)
        with self._lock:
            stale = self._refresh and lookup.region not in self._refreshed
            self._refreshed.add(lookup.region)
        if stale:
            lookup.forget()
        return lookup

    def baked(self, region: str) -> list[Ami]:
        """Return a region's images that hold a part of any of the recipes, of trusted owners; asks once."""
        with self._lock:
            lock = self._locks.setdefault(region, threading.Lock())
        with lock:
            if region not in self._baked:
                self._baked[region] = self._ask(self.lookup(region))
            return self._baked[region]

    def _ask(self, lookup: Lookup) -> list[Ami]:
        owners = tuple(self._ctx.settings.resolve.trusted_owners)
        chunks = [self._digests[i : i + _MOST_VALUES] for i in range(0, len(self._digests), _MOST_VALUES)]
        queries = [ImageQuery(owners=owners, tags={DIGEST_TAG: tuple(chunk)}) for chunk in chunks if owners]
        found = [ami for query in queries for ami in lookup.images(query)]
        if set(owners) <= {"self"}:
            return found
        known = {ami.id for ami in found}
        return found + [ami for ami in self._told(lookup, owners) if ami.id not in known]

    def _told(self, lookup: Lookup, owners: tuple[str, ...]) -> list[Ami]:
        """Return images by their descriptions: others' tags cannot be seen, nor has a copy of theirs any.

        They get the digest tag here, by which all that follows goes. An own image needs a tag of its own that agrees:
        anybody's image can be copied, whatever its description says.
        """
        patterns = tuple(description_pattern(digest) for digest in self._digests)
        chunks = [patterns[i : i + _MOST_VALUES] for i in range(0, len(patterns), _MOST_VALUES)]
        found = [ami for chunk in chunks for ami in lookup.images(ImageQuery(owners=owners, descriptions=chunk))]
        told = [(ami, digest_of(ami.description, self._digests)) for ami in found]
        return [
            replace(ami, tags=ami.tags | {DIGEST_TAG: digest})
            for ami, digest in told
            if digest and (ami.owner in {*owners} - {"self"} or digest.startswith(ami.tags.get(DIGEST_TAG, "-")))
        ]
