"""An image gets a date from which others' searches no longer show it; it can be launched still, and the date undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cws_build.context import Context

SOON = timedelta(minutes=2)
"""EC2 takes no time that has passed, and rounds to minutes."""


def deprecate_image(ctx: Context, region: str, ident: str, when: datetime | None = None) -> str:
    """Deprecate an image from a time on, which is not before `SOON`; return it as it was written.

    Args:
        ctx: The context.
        region: Where the image is.
        ident: The image.
        when: With a zone; None for now.

    Raises:
        CloudError: AWS has refused.
    """
    soon = ctx.clock() + SOON
    said = max(when or soon, soon).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ctx.account().images(region).deprecate(ident, said)
    ctx.lookup(region).forget()
    return said
