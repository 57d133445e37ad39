"""What may leave a region: allow-lists of sites and templates, and the borders of the European Economic Area.

An image that was baked from a template holds what the template says. One that was made from a machine somebody
has worked on may hold personal data, so it does not leave the EEA unasked. Which countries count is stated in the
region table; this is a guard against accidents, not legal advice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cws_build.model.regions import RegionTable

REGIONS_TAG = "allowed_regions"
"""A template's tag that lists the only regions its images may be in, separated by commas or spaces."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an image may be copied to another region."""

    may: Literal["yes", "ask", "no"]
    reason: str = ""
    """One sentence; empty where nothing speaks against it."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one image."""

    allowed: tuple[str, ...] = ()
    """The only regions it may be in; empty for all."""
    used: bool = False
    """It was made from a machine that somebody has worked on, or nobody can say."""
    strict: bool = False
    """Such an image may not leave the EEA for a country without an adequacy decision, whoever agrees to it."""


def allowed_regions(setting: Sequence[str], tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return the regions that both a site's setting and a template's tag allow; empty for all.

    Args:
        setting: ``resolve.allowed_regions``.
        tags: The template's tags.
    """
    named = tuple(filter(None, re.split(r"[,\s]+", tags.get(REGIONS_TAG, ""))))
    if not setting or not named:
        return tuple(setting) or named
    # Two lists without a region in common allow none, which an empty tuple could not say.
    return tuple(region for region in setting if region in named) or ("none",)


def may_copy(table: RegionTable, source: str, target: str, rules: Rules) -> Verdict:
    """Decide whether an image may be copied from one region to another.

    Raises:
        InputError: One of them is not a region.
    """
    here, there = table.find(source), table.find(target)
    if here.partition != there.partition:
        return Verdict(
            may="no", reason=f"{source} and {target} are in different partitions of AWS, which share no images"
        )
    if rules.allowed and target not in rules.allowed:
        return Verdict(may="no", reason=f"{target} is not among the allowed regions: {', '.join(rules.allowed)}")
    if not rules.used or here.gdpr != "eea" or there.gdpr == "eea":
        return Verdict(may="yes")
    if there.gdpr == "other" and rules.strict:
        return Verdict(
            may="no",
            reason=f"this image may hold what somebody has left on a machine, and {target} is in a country without an "
            "adequacy decision",
        )
    return Verdict(
        may="ask",
        reason="this image may hold what somebody has left on a machine: personal data in it would leave the EEA for "
        f"{target}",
    )
