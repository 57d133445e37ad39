"""Who can really use an image: what AWS has, what is meant, and the command that mends a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.remember import records
from cws_build.actions.share_checks import rights_in
from cws_build.model.ami_report import Consumer
from cws_build.model.rights import Holder, Rights, holders, holders_of
from cws_build.model.sharing import Community

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.actions.grant_rights import Held
    from cws_build.context import Context
    from cws_build.model.ami_report import Level
    from cws_build.model.sharing import Sharing
    from cws_build.ports.images import ImageDetail


def consumers(ctx: Context, detail: ImageDetail, held: Held, intent: Sharing) -> tuple[Consumer, ...]:
    """Return everybody who has some right to an image, or should have one; raises StoreError."""
    ami = detail.ami
    meant = rights_in(ctx, intent, ami.region)
    some = frozenset(who for there in held.snapshots.values() for who in there)
    groups = _groups(ctx, intent, ami.region)
    everybody = held.launch | some | meant.launch
    return tuple(_consumer(detail, who, held, meant, groups) for who in sorted(everybody))


def _groups(ctx: Context, intent: Sharing, region: str) -> dict[Holder, tuple[str, ...]]:
    """Return the communities by which accounts have an image."""
    found: dict[Holder, tuple[str, ...]] = {}
    for one in intent.grantees:
        community = records(ctx, Community).get(one.id) if one.kind == "community" else None
        if community and one.region in {"", region}:
            for who in holders_of(one, {one.id: community}):
                found[who] = (*found.get(who, ()), one.id)
    return found


def _consumer(
    detail: ImageDetail, who: Holder, held: Held, meant: Rights, groups: Mapping[Holder, tuple[str, ...]]
) -> Consumer:
    has, note = _has(who, held)
    wanted: Level = "copy" if who in meant.copy else "launch" if who in meant.launch else "nothing"
    named = groups.get(who, ())
    return Consumer(
        kind=who.kind,
        id=who.id,
        communities=named,
        has=has,
        meant=wanted,
        note=note,
        mend=_mend(detail, who, has, wanted),
    )


def _has(who: Holder, held: Held) -> tuple[Level, str]:
    """Return what somebody can do, and what the level does not say."""
    closed = [snapshot for snapshot, there in held.snapshots.items() if who not in there]
    keyless = [key for key, accounts in held.keys.items() if who.kind == "account" and who.id not in accounts]
    if who not in held.launch:
        return "nothing", "its snapshots are shared, and the image is not" if len(closed) < len(held.snapshots) else ""
    if keyless:
        return "nothing", f"the key is missing: {', '.join(keyless)}"
    if who.kind in {"org", "ou"} and held.keys:
        return "launch", "where the key's own policy lets its members use the key"
    if not held.snapshots or closed:
        return "launch", "launch only: snapshot not shared"
    return "copy", ""


def _mend(detail: ImageDetail, who: Holder, has: Level, meant: Level) -> str:
    """Return the command that makes AWS what is meant; empty where it is."""
    ami = detail.ami
    if ami.state == "disabled" and meant != "nothing":
        return f"cws-build ami enable {ami.id} --region {ami.region}"
    order = ("nothing", "launch", "copy")
    if order.index(has) < order.index(meant):
        return f"cws-build ami share {ami.id} --region {ami.region} {who.option} --level {meant}"
    shared = any(who in holders(access) for access in detail.snapshot_access.values())
    if meant == "nothing":
        return f"cws-build ami unshare {ami.id} --region {ami.region} {who.option}"
    if meant == "launch" and shared:
        return f"cws-build ami unshare {ami.id} --region {ami.region} {who.option} --level copy"
    return ""
