"""The name of an image of a machine that nobody has named: the same whenever the same is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.compile import effective_template
from cws_build.errors import InputError
from cws_build.model.image_tags import image_name

if TYPE_CHECKING:
    from cws_build.context import Context


def default_name(ctx: Context, template: str, instance: str, version: str = "") -> str:
    """Return ``TEMPLATE VERSION from MACHINE``; raises InputError for a template that is not known."""
    found = effective_template(ctx.library, template)
    if found is None:
        raise InputError(f"there is no template '{template}'", hint="'cws-build templates' lists what there is")
    return image_name(f"{found.short_name} {version or found.version or '0.0.0'} from {instance}")
