"""What an image of a machine can be taken for: its recipe's, or one of a machine that somebody has worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.find_changes import find_changes
from cws_build.actions.known_image import source_image
from cws_build.model.created_tags import FROM_DIGEST_TAG, MODIFIED_TAG, modified_tags, unchanged_tags
from cws_build.model.creating import Changed, Created
from cws_build.model.image import DIGEST_TAG, VERSION_TAG
from cws_build.model.known_content import Changes, Content, known_content

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.creating import CreateRequest
    from cws_build.model.creation import Creation
    from cws_build.model.image import Ami
    from cws_build.model.recipe import Recipe
    from cws_build.ports.machines import MachineState

NOT_CLEANED = (
    "it holds this machine's host keys, logins and logs; --sysprep would remove them and make it an image of the recipe"
)


def look_at(ctx: Context, recipe: Recipe, machine: MachineState, user: str) -> Changes:
    """Tell what has changed on a machine since its launch, as far as that can be known; raises Interrupted."""
    content = known_content(recipe, machine)
    if isinstance(content, str):
        return Changes(unknown=content)
    return find_changes(ctx, machine, content, user)


def what_it_is(
    ctx: Context, request: CreateRequest, recipe: Recipe, machine: MachineState, line: Creation
) -> dict[str, str]:
    """Return the tags that say what an image can be taken for; the digest among them, in the call that makes it.

    A bake puts the digest on last of all, when it has seen the image boot. Here the machine itself has booted, its
    services have answered, and nothing has changed since. No tier takes an image before EC2 calls it available, and a
    tag that came later would be missing for good where the process dies, or nobody waits.
    """
    content = known_content(recipe, machine)
    if line.changes and line.changes.none and isinstance(content, Content):
        return unchanged_tags(content, cleaned=line.cleaned, version=request.version)
    now = ctx.clock().isoformat(timespec="seconds")
    return modified_tags(recipe, machine, source_image(ctx, machine), now)


def judged(made: Created, image: Ami | None, changes: Changes | None) -> Created:
    """Return a result that says what its image is, as the image's own tags do."""
    tags = image.tags if image else {}
    digest, modified = tags.get(DIGEST_TAG, ""), MODIFIED_TAG in tags or FROM_DIGEST_TAG not in tags
    reason = ""
    if not digest:
        reason = _why(changes) if modified else NOT_CLEANED
    known = changes and not changes.unknown
    return msgspec.structs.replace(
        made,
        version=tags.get(VERSION_TAG, made.version),
        modified=modified and not digest,
        digest=digest,
        reason=reason,
        changed=Changed(changes.count, changes.paths) if changes and known else None,
    )


def _why(changes: Changes | None) -> str:
    if changes is None:
        return "it is not known any more what was found on the machine"
    return changes.unknown or f"{changes.count} changes since its launch: {', '.join(changes.paths[:3])}"
