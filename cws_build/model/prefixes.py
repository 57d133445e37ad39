"""How much of a recipe an image holds, told by its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.model.image import DIGEST_TAG, layers_from_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.model.recipe import Recipe
    from cws_build.model.template import Template


def layers_by_tags(recipe: Recipe, tags: Mapping[str, str]) -> int:
    """Return how many layers an image holds by the tags that a bake wrote.

    An image of an older recipe holds those layers from the front whose digests have not changed since, provided that
    nothing else was put on top of them.
    """
    held = recipe.prefixes().get(tags.get(DIGEST_TAG, ""))
    if held is not None:
        return held
    written = layers_from_tags(dict(tags))
    shared = 0
    for (_, short), layer in zip(written, recipe.layers, strict=False):
        if not short or not layer.digest.startswith(short):
            break
        shared += 1
    return shared


def layers_by_word(recipe: Recipe, template: Template) -> int:
    """Return how many layers an image holds that the template's author offers as the finished environment.

    All of them; with ``ami_config.user_data_script`` those before the layer that runs it.
    """
    script = template.ami_config.user_data_script if template.ami_config else ""
    if not script.strip():
        return len(recipe.layers)
    for index, layer in enumerate(recipe.layers):
        if layer.role == "user_data" and layer.variables.get("user_data_script") == script:
            return index
    return len(recipe.layers)
