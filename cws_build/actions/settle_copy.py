"""What a copy loses is put back, and looked at: tags, deprecation, protection, shares; the digest last of all."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from cws_build.actions.deprecate_image import SOON, deprecate_image
from cws_build.actions.grant_rights import held_rights, lacking
from cws_build.actions.remember import records
from cws_build.actions.share_checks import rights_in
from cws_build.errors import CwsError
from cws_build.model.image import DIGEST_TAG
from cws_build.model.image_tags import copied_tags
from cws_build.model.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.context import Context
    from cws_build.ports.images import ImageDetail

_PROTECTED = "enabled"
_MINUTE = 60.0
"""Seconds to which EC2 rounds a deprecation."""


class Settled(NamedTuple):
    """What came of settling a copy."""

    put_back: tuple[str, ...]
    """What differed from its master and does not any more, in a few words each."""
    troubles: tuple[str, ...]
    """What could not be put back, a sentence each; empty where the copy is as its master."""


def settle_copy(ctx: Context, master: ImageDetail, region: str, ident: str) -> Settled:
    """Make a copy that is available what its master is; the same again changes nothing.

    A deprecation follows the master's both ways. Protection, tags and shares of the copy alone stay.

    Args:
        ctx: The context.
        master: What it is a copy of.
        region: Where the copy is.
        ident: The copy.

    Raises:
        CloudError: Its tags cannot be written, or it is gone.
    """
    copy = ctx.account().images(region).detail(ident)
    work = _Work(ctx, master, copy)
    work.tag()
    work.demand_imdsv2()
    work.tried("its deprecation could not be set", work.deprecate)
    work.tried("its protection could not be set", work.protect)
    work.tried("it could not be shared", work.share)
    work.offer()
    ctx.lookup(region).forget()
    return Settled(tuple(work.put_back), (*work.troubles, *(_different(ctx, master, copy) if work.put_back else ())))


class _Work:
    """One copy that is settled; each method compares first, and writes only what differs."""

    def __init__(self, ctx: Context, master: ImageDetail, copy: ImageDetail) -> None:
        self.ctx, self.master, self.copy = ctx, master, copy
        self.region, self.ident = copy.ami.region, copy.ami.id
        self.put_back: list[str] = []
        self.troubles: list[str] = []

    def tried(self, said: str, step: Callable[[], None]) -> None:
        """Take a step without which the copy is of use all the same."""
        try:
            step()
        except CwsError as error:
            self.troubles.append(f"{said}: {error.message}")

    def tag(self) -> None:
        lost = _lost_tags(self.master, self.copy)
        wanted = {key: value for key, value in copied_tags(self.master.ami).items() if key != DIGEST_TAG}
        if set(lost) - {DIGEST_TAG}:
            self.ctx.account().cloud(self.region).tag([*self.copy.ami.snapshots, self.ident], wanted)
        if lost:
            self.put_back.append(f"tags {', '.join(lost)}")

    def offer(self) -> None:
        """Write the digest, by which others find the copy, when all the rest is as it shall be."""
        digest = copied_tags(self.master.ami).get(DIGEST_TAG)
        if digest is not None and self.copy.ami.tags.get(DIGEST_TAG) != digest:
            for part in filter(None, (self.copy.ami.snapshots, (self.ident,))):
                self.ctx.account().cloud(self.region).tag(part, {DIGEST_TAG: digest})

    def demand_imdsv2(self) -> None:
        if self.master.ami.imds == "v2.0" and self.copy.ami.imds != "v2.0":
            self.ctx.account().cloud(self.region).demand_imdsv2(self.ident)
            self.put_back.append("IMDSv2")

    def deprecate(self) -> None:
        wanted = self.master.ami.deprecated
        if _deprecated_alike(self.ctx, self.copy, self.master):
            return
        if wanted:
            when = deprecate_image(self.ctx, self.region, self.ident, datetime.fromisoformat(wanted))
            self.put_back.append(f"deprecation {when}")
        else:
            self.ctx.account().images(self.region).deprecate(self.ident, "")
            self.put_back.append("no deprecation")

    def protect(self) -> None:
        wanted = self.master.protection
        if wanted.startswith(_PROTECTED) and not self.copy.protection.startswith(_PROTECTED):
            cooldown = wanted == "enabled-with-cooldown"
            self.ctx.account().images(self.region).protect(self.ident, on=True, cooldown=cooldown)
            self.put_back.append("protection against deregistration")

    def share(self) -> None:
        """Give the copy the shares that its master is meant to have."""
        ctx, intent = self.ctx, records(self.ctx, Sharing).get(self.master.ami.id)
        if intent is None or intent.suspended or not intent.grantees:
            return
        from cws_build.actions.share import apply_shares

        held = held_rights(ctx.account().images(self.region), self.copy)
        if lacking(held, rights_in(ctx, intent, self.region)):
            left = apply_shares(ctx, self.region, self.ident, intent)
            self.troubles += left
            self.put_back += [] if left else ["shares"]


def _lost_tags(master: ImageDetail, copy: ImageDetail) -> list[str]:
    return sorted(key for key, value in copied_tags(master.ami).items() if copy.ami.tags.get(key) != value)


def _deprecated_alike(ctx: Context, copy: ImageDetail, master: ImageDetail) -> bool:
    """Tell whether a copy is deprecated as its master is: EC2 takes no time that has passed, so the next one counts."""
    wanted, has = master.ami.deprecated, copy.ami.deprecated
    if same_time(has, wanted):
        return True
    soon = ctx.clock() + 2 * SOON
    return bool(wanted and has) and max(datetime.fromisoformat(one) for one in (wanted, has)) <= soon


def _different(ctx: Context, master: ImageDetail, before: ImageDetail) -> tuple[str, ...]:
    """Look once more, and say in what a copy differs from its master."""
    copy = ctx.account().images(before.ami.region).detail(before.ami.id)
    lost = _lost_tags(master, copy)
    found = [f"it lacks the tags {', '.join(lost)}"] if lost else []
    if not _deprecated_alike(ctx, copy, master):
        has, wanted = (one.ami.deprecated or "never" for one in (copy, master))
        found.append(f"it is deprecated {has} instead of {wanted}")
    if master.protection.startswith(_PROTECTED) and not copy.protection.startswith(_PROTECTED):
        found.append("it is not protected against deregistration")
    return tuple(found)


def same_time(one: str, other: str) -> bool:
    """Tell whether two times of AWS are the same to the minute, to which EC2 rounds a deprecation."""
    if not one or not other:
        return one == other
    first, second = (datetime.fromisoformat(text) for text in (one, other))
    return abs((first - second).total_seconds()) <= _MINUTE
