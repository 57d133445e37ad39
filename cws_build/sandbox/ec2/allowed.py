"""Allowed images: whether an image of another account meets the criteria that an account has set."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cws_build.sandbox.ec2.image_filters import pattern

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.images import ImageRecord
    from cws_build.sandbox.ec2.settings import Criterion

DAY = 86400.0


def allowed(criteria: list[Criterion], image: ImageRecord, now: float) -> bool:
    """Tell whether an image of another account meets any criterion; without a criterion none does."""
    return any(_meets(criterion, image, now) for criterion in criteria)


def _meets(criterion: Criterion, image: ImageRecord, now: float) -> bool:
    facts = []
    if criterion.providers:
        facts.append(image.owner in criterion.providers or image.owner_alias in set(criterion.providers) - {""})
    if criterion.names:
        facts.append(any(fnmatchcase(image.name, pattern(name)) for name in criterion.names))
    if criterion.product_codes:
        facts.append(not set(criterion.product_codes).isdisjoint(image.product_codes))
    if criterion.days_old is not None:
        facts.append(now - image.created <= criterion.days_old * DAY)
    if criterion.days_deprecated is not None and image.deprecation:
        facts.append(now - image.deprecation <= criterion.days_deprecated * DAY)
    return all(facts)
