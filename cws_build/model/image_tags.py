"""The tags of an image: what it is, where it is from, what made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.model.image import ARCHITECTURE_TAG, DIGEST_TAG, TEMPLATE_TAG, layer_tags

if TYPE_CHECKING:
    from cws_build.model.recipe import Recipe

PARTIAL_TAG = "cws:partial"
"""``3/9`` on an image that holds the first 3 of 9 layers."""
RESIDUE_TAG = "cws:residue"
"""On a partial image kept from a failed bake: the layer that failed, whose traces it may hold."""

_DESCRIPTION = 255
"""EC2's limit for the description of an image, in characters."""
_NAME = 128
"""EC2's limit for the name of an image, in characters."""


def image_name(text: str) -> str:
    """Return a name of 3 to 128 characters of those that EC2 allows in image names."""
    allowed = "".join(c if c.isascii() and (c.isalnum() or c in "()[] ./-'@_") else "-" for c in text)
    # The end tells images of one template apart, so a long template name gives way.
    return allowed if len(allowed) <= _NAME else f"{allowed[: _NAME - 72]}..{allowed[-70:]}"


def image_description(recipe: Recipe) -> str:
    """Return the description of an image of this recipe."""
    return recipe.description[:_DESCRIPTION]


def content_tags(recipe: Recipe, count: int) -> dict[str, str]:
    """Return the tags that say what an image of the first ``count`` layers holds."""
    layers = recipe.layers[:count]
    tags = {
        "Name": f"{recipe.template} {recipe.version}"[:256],
        TEMPLATE_TAG: recipe.template[:256],
        "cws:version": recipe.version[:256],
        ARCHITECTURE_TAG: recipe.architecture,
        "cws:base": recipe.base,
        DIGEST_TAG: layers[-1].digest if layers else recipe.root,
        **layer_tags([(layer.name, layer.digest) for layer in layers]),
    }
    return tags if count == len(recipe.layers) else tags | {PARTIAL_TAG: f"{count}/{len(recipe.layers)}"}
