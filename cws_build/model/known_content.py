"""What is known of a machine's content: the recipe that its launch saw through, and whether anything changed since.

A launch says so in tags of the machine, at its very end. `cws_build.actions.find_changes` looks on the machine itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.model.image import BAKED_TAG, DIGEST_TAG, TEMPLATE_TAG, VERSION_TAG, layer_tags, layers_from_tags
from cws_build.model.image_tags import PARTIAL_TAG, RESIDUE_TAG

if TYPE_CHECKING:
    from cws_build.model.image import Ami
    from cws_build.model.launching import LaunchPlan
    from cws_build.model.recipe import Recipe
    from cws_build.ports.machines import MachineState

READY_TAG = "cws:ready-at"
"""On a machine: when its launch had finished with it, ISO 8601 UTC by the clock of whoever launched it.

Only where the machine then held the whole recipe of its ``cws:digest``, whose layers and version it bears as well.
"""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A whole recipe that a machine held when its launch was over."""

    digest: str
    layers: tuple[tuple[str, str], ...]
    """Names and digests, short or whole."""
    version: str
    ready_at: str
    baked_at: str


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed on a machine since, besides what a running system writes by itself."""

    count: int = 0
    paths: tuple[str, ...] = ()
    """The first few; a folder ends with ``/``, and stands for what was made, renamed or deleted in it."""
    unknown: str = ""
    """Why that cannot be told, as a clause; empty where it is known."""

    @property
    def none(self) -> bool:
        """Whether it is known that nothing has changed."""
        return not self.count and not self.unknown


def known_tags(plan: LaunchPlan, start: Ami | None, at: str) -> dict[str, str]:
    """Return the tags for a machine whose launch is over; none where it need not hold what its digest says.

    Args:
        plan: What was done; all of its missing layers have run.
        start: The image that the machine was started from.
        at: When everything was ready.
    """
    tags = start.tags if start else {}
    baked = start.aged_from if start and plan.first_layer > 1 else at
    own = tags.get(DIGEST_TAG, "")
    layers = [(layer.name, layer.digest) for layer in plan.recipe.layers]
    version = plan.recipe.version
    if not plan.missing_layers:
        if not own or PARTIAL_TAG in tags:
            return {}  # somebody's image, or the template's author's word
        if own != plan.recipe.digest:
            layers, version = layers_from_tags(tags), tags.get(VERSION_TAG, "")
    elif plan.first_layer > 1 and (plan.recipe.prefixes().get(own) != plan.first_layer - 1 or RESIDUE_TAG in tags):
        return {}  # it may hold more than those layers
    if not (layers and version):
        return {}
    return {READY_TAG: at, BAKED_TAG: baked, VERSION_TAG: version[:256], **layer_tags(layers)}


def known_content(recipe: Recipe, machine: MachineState) -> Content | str:
    """Return what a machine held after its launch; why that is not known, as a clause.

    Args:
        recipe: Of the template that an image is to be made for, with none of its parameters set.
        machine: The machine.
    """
    tags = machine.tags
    digest, at = tags.get(DIGEST_TAG, ""), tags.get(READY_TAG, "")
    if not (digest and at):
        return "its launch did not see the whole recipe through, or was not one of cws-build's"
    layers, version = tuple((layer.name, layer.digest) for layer in recipe.layers), recipe.version
    if digest != recipe.digest:
        if tags.get(TEMPLATE_TAG) != recipe.template:
            return f"it was launched from {tags.get(TEMPLATE_TAG) or 'no template'}, and holds other layers"
        # Launched with parameters, or before the template was changed: what it holds is known all the same.
        layers, version = tuple(layers_from_tags(tags)), tags.get(VERSION_TAG, version)
    return Content(digest=digest, layers=layers, version=version, ready_at=at, baked_at=tags.get(BAKED_TAG, at))
