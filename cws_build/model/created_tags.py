"""The tags of an image that was made of a machine: where it is from, and what it can be taken for.

Equal packages say nothing of files, settings and homes. So an image counts as its recipe's, and bears ``cws:digest``,
only where the machine was looked at and nothing had changed since its launch (`cws_build.model.known_content`), and
where sysprep has then removed what belongs to the one machine: host keys, logins, logs. Without sysprep it holds the
recipe and that besides, so that what the machine began with stands in tags of its own, by which no tier looks. Any
other image is marked as modified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.model.image import (
    ARCHITECTURE_TAG,
    BAKED_TAG,
    DIGEST_TAG,
    LAYERS_TAG,
    TEMPLATE_TAG,
    VERSION_TAG,
    layer_tags,
    layers_from_tags,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.model.image import Ami
    from cws_build.model.known_content import Content
    from cws_build.model.recipe import Recipe
    from cws_build.ports.machines import MachineState

MODIFIED_TAG = "cws:modified"
"""On an image of ours: it was made from a machine that somebody has worked on, or nobody can say."""
INSTANCE_TAG = "cws:created-from"
"""The machine that an image was made of."""
FROM_DIGEST_TAG = "cws:from-digest"
"""The digest of the recipe that the machine was launched with."""
FROM_LAYERS_TAG = "cws:from-layers"
"""Its layers, in the form of ``cws:layers``: what the image holds besides what was changed."""
CLEANED_TAG = "cws:sysprep"
"""The role sysprep ran before the image was made."""
_LONGEST = 256


def created_tags(
    name: str, recipe: Recipe, machine: MachineState, source: Ami | None, *, cleaned: bool
) -> dict[str, str]:
    """Return the tags of an image of a machine, but for what it can be taken for.

    Args:
        name: What the image is called.
        recipe: Of the template that it is an image for.
        machine: The machine.
        source: The image that the machine was launched from; None where it is not there any more.
        cleaned: The role sysprep has run.
    """
    tags = {
        "Name": name[:_LONGEST],
        TEMPLATE_TAG: recipe.template[:_LONGEST],
        VERSION_TAG: recipe.version[:_LONGEST],
        ARCHITECTURE_TAG: recipe.architecture,
        "cws:base": recipe.base,
        INSTANCE_TAG: machine.id,
    }
    base = source.tags.get("cws:base-ami", "" if DIGEST_TAG in source.tags else source.id) if source else ""
    tags |= {"cws:base-ami": base} if base else {}
    return tags | ({CLEANED_TAG: "true"} if cleaned else {})


def modified_tags(recipe: Recipe, machine: MachineState, source: Ami | None, now: str) -> dict[str, str]:
    """Return the tags of an image of a machine that was changed: all of its recipe where that is still ours."""
    digest = machine.tags.get(DIGEST_TAG, "")
    layers = [(layer.name, layer.digest) for layer in recipe.layers]
    if digest != recipe.digest:
        layers = layers_from_tags(machine.tags) or (layers_from_tags(source.tags) if source else [])
    return {MODIFIED_TAG: "true", BAKED_TAG: now} | _began_with(digest, layers)


def unchanged_tags(content: Content, *, cleaned: bool, version: str = "") -> dict[str, str]:
    """Return the tags of an image of a machine that is as its launch has left it.

    Args:
        content: What the launch has left.
        cleaned: The role sysprep has run, so that it is an image of the recipe like a baked one.
        version: Instead of the recipe's own.
    """
    layers = list(content.layers)
    tags = {VERSION_TAG: (version or content.version)[:_LONGEST], BAKED_TAG: content.baked_at}
    return tags | (
        {DIGEST_TAG: content.digest} | layer_tags(layers) if cleaned else _began_with(content.digest, layers)
    )


def _began_with(digest: str, layers: list[tuple[str, str]]) -> dict[str, str]:
    words = {key.replace(LAYERS_TAG, FROM_LAYERS_TAG): value for key, value in layer_tags(layers).items()}
    return words | ({FROM_DIGEST_TAG: digest} if digest else {})


def known_layers(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return an image's layers, (name, short digest) in order: its own, or those that its machine began with."""
    began = {key.replace(FROM_LAYERS_TAG, LAYERS_TAG): value for key, value in tags.items()}
    return layers_from_tags(dict(tags)) or layers_from_tags(began)
