"""What a clean-up does with each image, and why: a pure function of the images, what is known of them, and a policy.

The rules are those for images that have been replaced, that were never finished, and that nobody launches any more;
whatever speaks for an image wins over all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from cws_build.model.created_tags import INSTANCE_TAG, MODIFIED_TAG
from cws_build.model.image import DIGEST_TAG, EXPIRES_TAG
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.owning import KEEP_TAG, OwnImage, days_since
from cws_build.model.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

What = Literal["go", "keep", "recommend", "deprecate"]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept, and for how long."""

    keep: int = 2
    """So many versions of a template and architecture stay in a region, the newest first."""
    partial_days: float = 14
    """How long a partial image, from which the next bake starts, is kept."""
    unfinished_days: float = 1
    """After so many days what is still not finished has been given up."""
    launched_days: float = 7
    """An image that was launched within so many days stays; EC2 tells of launches up to a day late."""
    deprecate: bool = True
    """Deprecate what has been replaced and stays for a way back, so that nobody begins with it."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of images besides themselves, by their ids."""

    named: Mapping[str, str] = {}
    """What names an image: a channel, or what one would go back to; a template's mapping."""
    shared: Mapping[str, str] = {}
    """Whom an image is shared with."""
    used: Mapping[str, str] = {}
    """What uses an image in the cloud, or whom AWS lets use it, as part of a sentence."""
    making: frozenset[str] = frozenset()
    """Images that something is being done with, by the ledger."""
    starts: Mapping[str, str] = {}
    """Digest -> the template whose bake would start from a partial image that bears it."""
    launched: frozenset[str] = frozenset()
    """Images from which a machine was launched that became ready; EC2 tells of others, up to a day late."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one image or snapshot."""

    id: str
    region: str
    what: What
    """``recommend``: it goes only where recommendations are followed; ``deprecate``: it stays, deprecated from now."""
    reason: str
    rule: str = ""
    """``superseded``, ``partial``, ``failed``, ``unfinished``, ``idle``, ``orphan``; empty for one that stays."""


class _Newer(NamedTuple):
    """What is newer than an image, of its template and architecture in its region."""

    first: OwnImage | None = None
    """The newest."""
    versions: int = 0
    again: bool = False
    """One of them is of the same version."""
    proved: OwnImage | None = None
    """One of them that has been launched."""


class Judge:
    """Judges the images of some regions.

    Args:
        images: All that the account has there; what is not known of cannot replace anything.
        known: What else is known.
        policy: What to keep.
        now: The time, UTC.
    """

    def __init__(self, images: Sequence[OwnImage], known: Known, policy: Policy, now: datetime) -> None:
        self._images = images
        self._known, self._policy, self._now = known, policy, now
        self._lines: dict[tuple[str, str, str], list[OwnImage]] = defaultdict(list)
        for image in images:
            if image.finished and image.template:
                self._lines[image.template, image.architecture, image.region].append(image)
        self._newer: dict[str, _Newer] = {}
        for line in self._lines.values():
            line.sort(key=_age_order, reverse=True)
            self._newer.update(_walked(line, known.launched))

    def verdicts(self, idle_days: Callable[[str, str], float | None]) -> dict[str, Verdict]:
        """Return what becomes of each image, by its id.

        Args:
            idle_days: Given a region with the same image and this one's: after how many days without a launch its
                storage has cost as much as copying it again; None where that is not known.
        """
        found = {image.id: self._verdict(image) for image in self._images}
        self._spare_the_last(found)
        self._idle(found, idle_days)
        if self._policy.deprecate:
            self._deprecate(found)
        return found

    def _verdict(self, image: OwnImage) -> Verdict:
        rule, cause = self._cause(image)
        guard = self._guard(image) if rule else ""
        if rule and not guard:
            return _verdict(image, "go", cause, rule)
        return _verdict(image, "keep", f"{cause}, but {guard}" if rule else cause)

    def _cause(self, image: OwnImage) -> tuple[str, str]:
        """Return the rule by which an image would go, and why; without one, why it stays."""
        theirs = _somebodys(image)
        if theirs:
            return "", theirs
        age = image.age_days(self._now)
        if image.state == "failed":
            return "failed", "it has failed, and is of no use"
        if image.state == "pending" or DIGEST_TAG not in image.tags:
            return self._unfinished(image, age)
        if image.partial:
            return self._partial(image, age)
        return self._replaced(image)

    def _unfinished(self, image: OwnImage, age: float) -> tuple[str, str]:
        if image.id in self._known.making:
            return "", "it is being made"
        expires = image.tags.get(EXPIRES_TAG, "")
        over = image.state != "pending" and bool(expires) and days_since(expires, self._now) > 0
        if over or age > self._policy.unfinished_days:
            return "unfinished", f"{'a copy' if COPIED_TAG in image.tags else 'an image'} that was never finished"
        return "", f"unfinished, and given up after {self._policy.unfinished_days:g} days"

    def _partial(self, image: OwnImage, age: float) -> tuple[str, str]:
        start = self._known.starts.get(image.tags[DIGEST_TAG])
        longer = self._lines.get((image.template, image.architecture, image.region), [])
        replaced = any(one.created > image.created for one in longer)
        if start and not replaced:
            return "", f"a bake of {start} starts from it"
        if age > self._policy.partial_days:
            return "partial", f"holds only the first layers, for {age:.0f} days"
        return "", f"partial, and kept for {self._policy.partial_days:g} days"

    def _replaced(self, image: OwnImage) -> tuple[str, str]:
        newer = self._newer.get(image.id, _Newer())
        if newer.first is None:
            return "", "the newest of its template here" if image.template else "no template is known of it"
        if not newer.again and newer.versions < self._policy.keep:
            return "", f"one of the {self._policy.keep} newest versions here"
        if newer.proved is None:
            return "", f"replaced by {newer.first.version}, but nothing newer has been launched yet"
        by = f"a newer image of {image.version}" if newer.again else newer.first.version
        return "superseded", f"replaced by {by} ({newer.proved.id} has been launched)"

    def _guard(self, image: OwnImage) -> str:
        """Return what speaks for an image whatever else is true; empty for nothing."""
        known = self._known
        if image.protected:
            return "it is protected against deregistration"
        if KEEP_TAG in image.tags:
            return f"tagged {KEEP_TAG}{_quoted(image.tags[KEEP_TAG])}"
        if image.last_launched and (ago := days_since(image.last_launched, self._now)) <= self._policy.launched_days:
            return f"launched {ago:.0f} days ago"
        if image.public:
            return "it is public"
        for said, verb in ((known.named, ""), (known.shared, "shared with "), (known.used, "")):
            if image.id in said:
                return f"{verb}{said[image.id]}"
        return "something is being done with it" if image.id in known.making else ""

    def _spare_the_last(self, found: dict[str, Verdict]) -> None:
        """Keep the newest image of a template and architecture where all of them would go, in whatever regions."""
        everywhere: dict[tuple[str, str], list[OwnImage]] = defaultdict(list)
        for (template, architecture, _), line in self._lines.items():
            everywhere[template, architecture] += line
        for (template, _), images in everywhere.items():
            if all(found[one.id].what == "go" for one in images):
                last = max(images, key=_age_order)
                reason = f"the last image of {template} that there is: only ami deregister removes it"
                found[last.id] = _verdict(last, "keep", reason)

    def _idle(self, found: dict[str, Verdict], idle_days: Callable[[str, str], float | None]) -> None:
        """Recommend to drop what nobody launches where it is, and what can be copied there again."""
        same: dict[str, list[OwnImage]] = defaultdict(list)
        for line in self._lines.values():
            for image in line:
                if found[image.id].what == "keep" and image.state == "available":
                    same[image.tags[DIGEST_TAG]].append(image)
        for images in same.values():
            home = max(images, key=lambda one: (COPIED_TAG not in one.tags, one.last_launched, one.id))
            for image in images:
                if image.region != home.region and not self._guard(image):
                    self._recommend(found, image, home, idle_days(home.region, image.region))

    def _deprecate(self, found: dict[str, Verdict]) -> None:
        """Deprecate what stays for a way back: a newer version has proved itself, and nothing speaks for this one."""
        for line in self._lines.values():
            for image in line:
                newer = self._newer[image.id]
                if found[image.id].what != "keep" or not newer.first or not newer.proved or not _can_age(image):
                    continue
                if not self._guard(image):
                    by = f"replaced by {newer.first.version} ({newer.proved.id} has been launched)"
                    found[image.id] = _verdict(image, "deprecate", f"{by}, kept for a way back", "superseded")

    def _recommend(self, found: dict[str, Verdict], image: OwnImage, home: OwnImage, days: float | None) -> None:
        unused = days_since(image.last_launched or image.created, self._now)
        if days is not None and unused > days:
            reason = (
                f"not launched for {unused:.0f} days; after {days:.0f} its storage has cost as much as copying it"
                f" again from {home.region}"
            )
            found[image.id] = _verdict(image, "recommend", reason, "idle")


def _walked(line: Sequence[OwnImage], launched: frozenset[str]) -> Iterator[tuple[str, _Newer]]:
    """Yield what is newer than each image of a line, which has the newest first; a disabled one replaces nothing."""
    newer, seen = _Newer(), set[tuple[int, ...]]()
    for image in line:
        version = version_key(image.version)
        yield image.id, newer._replace(again=version in seen)
        if image.state == "available":
            seen.add(version)
            proved = newer.proved or (image if image.last_launched or image.id in launched else None)
            newer = _Newer(first=newer.first or image, versions=len(seen), proved=proved)


def _somebodys(image: OwnImage) -> str:
    """Return why no rule applies to an image that somebody wanted as it is; empty for one that templates replace."""
    if not image.ours:
        return "not made by cws-build"
    if MODIFIED_TAG in image.tags or (INSTANCE_TAG in image.tags and DIGEST_TAG not in image.tags):
        return "made of a machine by somebody's own hand: only ami deregister removes it"
    if image.adopted and image.state not in {"pending", "failed"}:
        return "a copy of an image that cws-build has not made: only ami deregister removes it"
    return ""


def _can_age(image: OwnImage) -> bool:
    """Tell whether an image is one of ours that is in use and has no date of deprecation, be it to come."""
    return image.state == "available" and not image.deprecated and not _somebodys(image)


def _verdict(image: OwnImage, what: What, reason: str, rule: str = "") -> Verdict:
    return Verdict(id=image.id, region=image.region, what=what, reason=reason, rule=rule)


def _age_order(image: OwnImage) -> tuple[tuple[int, ...], str, str]:
    return version_key(image.version), image.created, image.id


def _quoted(text: str) -> str:
    return f" ({text})" if text and text != "true" else ""
