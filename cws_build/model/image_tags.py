"""The tags of an image: what it is, where it is from, what made it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.model.image import (
    ARCHITECTURE_TAG,
    DIGEST_TAG,
    EXPIRES_TAG,
    RUN_TAG,
    TEMPLATE_TAG,
    VERSION_TAG,
    layer_tags,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.model.image import Ami
    from cws_build.model.recipe import Recipe

PARTIAL_TAG = "cws:partial"
"""``3/9`` on an image that holds the first 3 of 9 layers."""
RESIDUE_TAG = "cws:residue"
"""On a partial image kept from a failed bake: the layer that failed, whose traces it may hold."""

COPIED_TAG = "cws:copied-from"
"""``ami-… in us-east-1`` on an image that is a copy: its master, from wherever the copy itself was taken."""

_DESCRIPTION = 255
"""EC2's limit for the description of an image, in characters."""
_DIGITS = 12
"""Of a digest, in a description: enough to tell apart whatever one owner has baked."""
_MARK = re.compile(rf"\[cws ([0-9a-f]{{{_DIGITS}}})\]$")
_NAMED = re.compile(r"cws/(?P<template>.+)/(?P<version>[^/]+)/[^/]+/[0-9a-f]{8}/[^/]+$")
_NAME = 128
"""EC2's limit for the name of an image, in characters."""


def image_name(text: str) -> str:
    """Return a name of 3 to 128 characters of those that EC2 allows in image names."""
    allowed = "".join(c if c.isascii() and (c.isalnum() or c in "()[] ./-'@_") else "-" for c in text)
    # The end tells images of one template apart, so a long template name gives way.
    return allowed if len(allowed) <= _NAME else f"{allowed[: _NAME - 72]}..{allowed[-70:]}"


def image_description(recipe: Recipe) -> str:
    """Return the description of an image of this recipe that is not finished yet."""
    return recipe.description[:_DESCRIPTION]


def finished_description(text: str, digest: str) -> str:
    """Return the description of a finished image: a text, and what the image holds.

    Tags are seen by the owner of an image alone. Its description is seen by everybody with whom it is shared, so that
    they can find it as an image of a recipe, see `digest_of`.
    """
    mark = f"[cws {digest[:_DIGITS]}]"
    return f"{text[: _DESCRIPTION - len(mark) - 1].strip()} {mark}".strip()


def description_pattern(digest: str) -> str:
    """Return the pattern of the descriptions of images that hold what a digest stands for."""
    # No bracket: some matchers take those for sets.
    return f"*cws {digest[:_DIGITS]}?"


def digest_of(description: str, digests: Iterable[str]) -> str:
    """Return the one of some digests that a description names; empty for none."""
    found = _MARK.search(description)
    return next((digest for digest in digests if found and digest.startswith(found[1])), "")


def content_tags(recipe: Recipe, count: int) -> dict[str, str]:
    """Return the tags that say what an image of the first ``count`` layers holds."""
    layers = recipe.layers[:count]
    tags = {
        "Name": f"{recipe.template} {recipe.version}"[:256],
        TEMPLATE_TAG: recipe.template[:256],
        VERSION_TAG: recipe.version[:256],
        ARCHITECTURE_TAG: recipe.architecture,
        "cws:base": recipe.base,
        DIGEST_TAG: layers[-1].digest if layers else recipe.root,
        **layer_tags([(layer.name, layer.digest) for layer in layers]),
    }
    return tags if count == len(recipe.layers) else tags | {PARTIAL_TAG: f"{count}/{len(recipe.layers)}"}


def told_tags(ami: Ami) -> dict[str, str]:
    """Return the tags that a finished image of another account must have, by its description and name.

    Of the digest the description has some digits only; empty for an image that says nothing of the kind.
    """
    found = _MARK.search(ami.description)
    if not found:
        return {}
    named = _NAMED.match(ami.name)
    told = {TEMPLATE_TAG: named["template"], VERSION_TAG: named["version"]} if named else {}
    return told | {ARCHITECTURE_TAG: ami.architecture, DIGEST_TAG: found[1]}


def origin(master: Ami) -> str:
    """Return what the copies of an image bear in `COPIED_TAG`."""
    return f"{master.id} in {master.region}"


def copied_tags(master: Ami) -> dict[str, str]:
    """Return the tags of a copy: what the master's say of its content, and where it is from."""
    left_behind = {RUN_TAG, EXPIRES_TAG}
    kept = {key: value for key, value in master.tags.items() if not key.startswith("aws:") and key not in left_behind}
    return kept | {COPIED_TAG: origin(master)}
