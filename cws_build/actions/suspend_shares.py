"""Keep an image's shares over the time in which it is disabled, for which AWS forgets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.grant_rights import held_rights
from cws_build.actions.remember import records
from cws_build.actions.share import apply_shares
from cws_build.actions.share_checks import rights_in
from cws_build.actions.share_places import master_of
from cws_build.model.rights import added
from cws_build.model.sharing import Grantee, Sharing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.actions.grant_rights import Held
    from cws_build.context import Context
    from cws_build.model.rights import Rights


def suspend_shares(ctx: Context, region: str, ami_id: str) -> Sharing | None:
    """Write down everything that AWS has of an image's shares, before it is disabled; the same again loses nothing.

    What was shared without our doing becomes part of the intent, for this region alone.

    Returns:
        The intent that ``enable`` will put back; None where the image is shared with nobody.

    Raises:
        CloudError: AWS cannot be asked.
        StoreError: Nothing could be written: do not disable the image.
    """
    images = ctx.account().images(region)
    detail = images.detail(ami_id)
    master, home = master_of(detail.ami)
    table = records(ctx, Sharing)
    known = table.get(master) or Sharing(region=home)
    strays = tuple(_strays(held_rights(images, detail), rights_in(ctx, known, region), region))
    if not strays and not rights_in(ctx, known, region).launch:
        return None

    def how(old: Sharing | None) -> Sharing:
        there = old or Sharing(region=home)
        mine = ami_id == master
        return msgspec.structs.replace(there, grantees=added(there.grantees, strays), suspended=there.suspended or mine)

    kept = table.change(master, how)
    if ami_id != master:
        table.put(ami_id, Sharing(region=region, suspended=True))
    return kept


def resume_shares(ctx: Context, region: str, ami_id: str) -> tuple[str, ...]:
    """Put an image's shares back after it was enabled; the same again does nothing.

    Returns:
        What AWS still does not have, a sentence each; empty where all is as it was.

    Raises:
        CloudError: AWS has refused; the same again goes on.
    """
    table = records(ctx, Sharing)
    master, _ = master_of(ctx.account().images(region).detail(ami_id).ami)
    intent = table.get(master)
    problems = apply_shares(ctx, region, ami_id, intent) if intent else ()
    if problems:
        return problems
    if ami_id != master:
        table.remove(ami_id)
    elif intent:
        table.change(master, lambda old: msgspec.structs.replace(old, suspended=False) if old else None)
    return ()


def _strays(held: Held, meant: Rights, region: str) -> Iterator[Grantee]:
    """Return what AWS has and the intent does not mean."""
    for who in sorted(held.launch):
        level = "copy" if who in held.copy else "launch"
        if who not in meant.launch or (level == "copy" and who not in meant.copy):
            yield Grantee(kind=who.kind, id=who.id, level=level, region=region)
