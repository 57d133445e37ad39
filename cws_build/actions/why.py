"""Why a bake would bake: what differs between the recipe and the newest image of the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.actions.plan_bake import compile_for
from cws_build.model.image import DIGEST_TAG, RUN_TAG, TEMPLATE_TAG, ImageQuery, layers_from_tags, newest
from cws_build.model.image_tags import PARTIAL_TAG
from cws_build.model.masking import masked
from cws_build.model.recipe import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cws_build.context import Context
    from cws_build.model.baking import BakeRequest
    from cws_build.model.recipe import Layer, Recipe

_LONGEST = 120
"""Characters of one difference."""


class Change(msgspec.Struct, frozen=True):
    """One layer that differs. ``kind`` is ``added``, ``removed``, ``changed`` or ``follows`` (an earlier change)."""

    layer: str
    kind: str
    fields: tuple[str, ...] = ()
    """What differs inside it, where both sides are known."""


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer; without an image there is nothing to compare with."""

    template: str
    architecture: str
    region: str
    ami_id: str | None
    up_to_date: bool
    changes: tuple[Change, ...]

    def text(self) -> str:
        """Return the answer for people."""
        head = f"{self.template} {self.architecture} in {self.region}"
        if self.ami_id is None:
            return f"{head}: there is no image yet"
        if self.up_to_date:
            return f"{head}: {self.ami_id} is up to date"
        lines = [f"{head}: differs from {self.ami_id}"]
        for change in self.changes:
            lines += [f"  {change.kind:8} {change.layer}", *(f"             {field}" for field in change.fields)]
        return "\n".join(lines)


def explain_bake(ctx: Context, request: BakeRequest) -> Why:
    """Compare a template's recipe with its newest image; raises InputError or CloudError."""
    compiled = compile_for(ctx, request)
    recipe = compiled.recipe
    cloud = ctx.account().cloud(request.region)
    query = ImageQuery(owners=("self",), tags={TEMPLATE_TAG: (recipe.template,)}, architecture=recipe.architecture)
    whole = [ami for ami in cloud.images(query) if DIGEST_TAG in ami.tags and PARTIAL_TAG not in ami.tags]
    found = newest(whole)
    same = [ami for ami in found if ami.tags[DIGEST_TAG] == recipe.digest]
    image = next(iter(same or found), None)
    return Why(
        template=recipe.template,
        architecture=recipe.architecture,
        region=cloud.region,
        ami_id=None if image is None else image.id,
        up_to_date=bool(same),
        changes=() if same or image is None else _shown(_changes(recipe, image.tags, ctx), compiled.secrets),
    )


def _shown(changes: Iterable[Change], secrets: Iterable[str]) -> tuple[Change, ...]:
    """Mask the secrets in what differs, then cut it to what can be read at a glance."""
    return tuple(Change(c.layer, c.kind, tuple(map(_brief, masked(c.fields, secrets)))) for c in changes)


def _changes(recipe: Recipe, tags: dict[str, str], ctx: Context) -> tuple[Change, ...]:
    before = dict(layers_from_tags(tags))
    old = ctx.runs.recipe(tags.get(RUN_TAG, ""))
    known = {layer["name"]: layer for layer in old["layers"]} if old else {}
    changes = []
    for layer in recipe.layers:
        if layer.name not in before:
            changes.append(Change(layer.name, "added"))
        elif not layer.digest.startswith(before[layer.name]):
            changes.append(_changed(layer, known.get(layer.name), first=not changes))
    now = {layer.name for layer in recipe.layers}
    return (*changes, *(Change(name, "removed") for name in before if name not in now))


def _changed(layer: Layer, before: Mapping[str, Any] | None, *, first: bool) -> Change:
    """Tell a layer that differs itself from one that only stands on a layer that does."""
    if before is None:
        return Change(layer.name, "changed" if first else "follows")
    fields = tuple(_fields(before["variables"], layer.variables))
    if fields:
        return Change(layer.name, "changed", fields)
    return Change(layer.name, "changed", ("files of its role",)) if first else Change(layer.name, "follows")


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    found = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            found += [f"{key}: {told}" for told in _differences(old, new)]
    return found


def _differences(old: object, new: object) -> list[str]:
    """Tell two different values apart: lists by item, scripts by line, anything else as a whole."""
    if isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        old, new = old.splitlines(), new.splitlines()
    if not (isinstance(old, list) and isinstance(new, list)):
        return [f"{_text(old)} -> {_text(new)}"]
    told = [f"- {_text(item)}" for item in old if item not in new]
    told += [f"+ {_text(item)}" for item in new if item not in old]
    return told or ["the same in another order"]


def _text(value: object) -> str:
    return value if isinstance(value, str) else canonical(value)


def _brief(text: str) -> str:
    line = text.strip().replace("\n", "⏎")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
