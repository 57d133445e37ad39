"""What speaks for images, as a clean-up has to know it: cheap facts of all, and close looks at those that would go."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from cws_build.actions.ami_refs import INFORMING, references_to
from cws_build.actions.other_regions import trouble
from cws_build.actions.own_references import by_channels, by_templates, prefixes
from cws_build.actions.remember import records
from cws_build.actions.together import together
from cws_build.errors import CwsError, ResourceNotFound
from cws_build.model.clean_up import Known
from cws_build.model.creation import Creation
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.owning import days_since
from cws_build.model.placement import Placement
from cws_build.model.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cws_build.context import Context
    from cws_build.model.owning import OwnImage
    from cws_build.ports.images import Access, Reference

_SECONDS = 300.0


def known_of(ctx: Context, images: Sequence[OwnImage], days: float) -> Known:
    """Return what this project knows of images without asking the cloud.

    Args:
        ctx: The context.
        images: All of them.
        days: How long something that was begun counts as going on.

    Raises:
        StoreError: The store cannot be read.
    """
    named = {ident: f"channel {told[0].id} {told[0].detail}" for ident, told in by_channels(ctx).items() if told}
    named |= {ident: f"the template {told[0].id} names it" for ident, told in by_templates(ctx).items() if told}
    parts = {image.architecture for image in images if image.partial}
    starts = {digest: uses[0][0] for digest, uses in prefixes(ctx, parts).items()} if parts else {}
    return Known(named=named, shared=dict(_intended(ctx, images)), making=frozenset(_making(ctx, days)), starts=starts)


def _intended(ctx: Context, images: Sequence[OwnImage]) -> Iterator[tuple[str, str]]:
    """Yield whom images are meant to be shared with: a copy has the shares of its master."""
    intents = {ident: one for ident, one in records(ctx, Sharing).all().items() if one.grantees}
    for image in images if intents else ():
        intent = intents.get(image.tags.get(COPIED_TAG, image.id).partition(" ")[0]) or intents.get(image.id)
        if intent:
            who = [f"{one.kind} {one.id}".strip() for one in intent.grantees if one.region in {"", image.region}]
            if who:
                yield image.id, ", ".join(who[:3])


def _making(ctx: Context, days: float) -> Iterator[str]:
    now = ctx.clock()
    for placement in records(ctx, Placement).all().values():
        unsettled = placement.status in {"planned", "pending"} or not placement.settled
        if unsettled and placement.started and days_since(placement.started, now) <= days:
            yield placement.ami_id
    for creation in records(ctx, Creation).all().values():
        if creation.status in {"planned", "pending"} and creation.expires > now.isoformat():
            yield creation.ami_id


def look_closely(ctx: Context, idents: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], dict[str, str]]:
    """Ask what uses images and whom they are shared with, all regions at once.

    Args:
        ctx: The context.
        idents: Region -> images.

    Returns:
        Image -> what speaks for it; and region -> why it could not be asked.
    """
    calls: dict[str, Callable[[], dict[str, str]]] = {
        region: functools.partial(uses_of, ctx, region, some) for region, some in idents.items() if some
    }
    found: dict[str, str] = {}
    errors: dict[str, str] = {}
    for region, answer in together(calls, _SECONDS, ctx.cancel).items():
        if isinstance(answer, Exception):
            errors[region] = trouble(region, answer)
        else:
            found |= answer
    return found, errors


def uses_of(ctx: Context, region: str, idents: Sequence[str]) -> dict[str, str]:
    """Return what speaks for images of a region, for those for which something does; raises CloudError."""
    told = references_to(ctx, idents, region)
    found = {ident: _said(some) for ident, refs in told.items() if (some := _holding(refs))}
    images = ctx.account().images(region)
    for ident in idents:
        if ident not in found:
            try:
                who = _who(images.launch_access(ident))
            except ResourceNotFound:
                continue  # it has gone meanwhile
            except CwsError as error:
                if "Unavailable" not in str(error.details.get("aws_code", "")):
                    raise
                continue
            found |= {ident: f"shared with {who}"} if who else {}
    return found


def _holding(found: Sequence[Reference]) -> list[Reference]:
    return [one for one in found if one.kind not in INFORMING]


def _said(found: Sequence[Reference]) -> str:
    first = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"used by {first.kind.replace('_', ' ')} {first.id}{f' ({first.detail})' if first.detail else ''}{more}"


def _who(access: Access) -> str:
    names = (*(("everybody",) if access.public else ()), *access.accounts, *access.organizations, *access.units)
    return ", ".join(names[:3])
