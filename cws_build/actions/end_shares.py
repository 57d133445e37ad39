"""What is left of an image's shares when it goes: grants on its keys, and our own record of who was meant to have it.

Both are written into the line of the removal before the image is deregistered: nobody can ask it afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.key_needs import needed_elsewhere
from cws_build.actions.remember import records
from cws_build.actions.share_checks import rights_in
from cws_build.actions.share_places import Spot, master_of, spots_of
from cws_build.actions.suspend_shares import resume_shares
from cws_build.errors import CloudError, ResourceNotFound
from cws_build.model.placement import Placement
from cws_build.model.retiring import Retirement, Ties
from cws_build.model.rights import accounts_of, holders
from cws_build.model.sharing import Community, Sharing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cws_build.context import Context
    from cws_build.model.retiring import Subject

_HALF_MADE = "Unavailable"
"""In AWS's word for an image that has failed or is pending, of which it tells no permissions."""


def ties_of(ctx: Context, subject: Subject) -> Ties:
    """Return what ties an image that is there to others: whom it is shared with, and by which keys.

    Raises:
        CloudError: The image cannot be asked.
        StoreError: The store cannot be read.
    """
    if subject.state == "gone":
        return Ties()
    if not subject.shared:
        return _known_ties(ctx, subject)
    try:
        detail = ctx.account().images(subject.region).detail(subject.ami_id)
    except ResourceNotFound:
        return Ties()
    except CloudError as error:
        if _HALF_MADE in str(error.details.get("aws_code", "")):
            return _known_ties(ctx, subject)
        raise
    master, home = master_of(detail.ami)
    intent = records(ctx, Sharing).get(master)
    meant = rights_in(ctx, intent, subject.region).launch if intent else frozenset()
    accounts = accounts_of(meant | holders(detail.launch)) | set(_leaving(ctx, intent))
    keys = dict.fromkeys(disk.kms_key for disk in detail.disks if disk.encrypted and disk.kms_key)
    return Ties(
        master=master if intent else "",
        home=home if intent else "",
        keys=tuple(keys) if accounts else (),
        accounts=tuple(sorted(accounts)) if keys else (),
    )


def end_grants(ctx: Context, ident: str, line: Retirement) -> tuple[str, ...]:
    """Revoke the grants that were given for an image which is gone; the same again does nothing.

    A grant stays where another image of the region that has the same key is meant for the same account.

    Returns:
        What could not be revoked, a sentence each.
    """
    return tuple(said for key in line.ties.keys for said in _end_grants(ctx, ident, line, key))


def _end_grants(ctx: Context, ident: str, line: Retirement, key: str) -> Iterator[str]:
    images, spot = ctx.account().images(line.region), Spot(region=line.region, ami_id=ident, state="gone")
    try:
        granted = set(images.key_accounts(key))
    except ResourceNotFound:
        return  # the grants are gone with the key
    except CloudError as error:
        yield f"grants on the key {key} of {ident} may be left: {error.message}"
        return
    for account in sorted(granted & set(line.ties.accounts)):
        try:
            if not needed_elsewhere(ctx, spot, key, account):
                images.unshare_key(key, account)
        except CloudError as error:
            yield f"account {account} still has a grant on the key {key} of {ident}: {error.message}"


def forget_shares(ctx: Context, ident: str, line: Retirement) -> bool:
    """Forget who was meant to have an image that is gone, unless anything could still need to know.

    That is a recycle bin that can give it back, and a copy of it, which has the shares of its master.

    Returns:
        Whether it is still kept: `forget_kept_shares` looks again.

    Raises:
        StoreError: The store cannot be written.
    """
    table, master = records(ctx, Sharing), line.ties.master
    if not master or (table.get(master) is None and table.get(ident) is None):
        return False
    if _may_come_back(ctx, line.region, {ident}):
        return True
    if ident != master:
        table.remove(ident)  # that it was disabled, and its master was not
    return _kept(ctx, master, line.ties.home)


def forget_kept_shares(ctx: Context, regions: Collection[str]) -> None:
    """Forget the shares of images that were removed in some regions and that no recycle bin keeps any more.

    Raises:
        StoreError: The store cannot be read or written.
    """
    table = records(ctx, Retirement)
    for ident, line in table.all().items():
        if line.intent_kept and line.region in regions and not forget_shares(ctx, ident, line):
            table.put(ident, msgspec.structs.replace(line, intent_kept=False))


def shares_again(ctx: Context, region: str, ident: str) -> tuple[str, ...]:
    """Give an image that was brought back what it was shared with: rights that AWS has lost, and grants on its keys.

    Returns:
        What AWS still does not have, a sentence each.

    Raises:
        CloudError: AWS has refused; ``ami enable`` goes on.
    """
    if ctx.account().images(region).progress(ident).state != "available":
        return ()
    lacks = resume_shares(ctx, region, ident)
    if not lacks:
        records(ctx, Retirement).remove(ident)  # it is not gone any more
    return lacks


def _kept(ctx: Context, master: str, home: str) -> bool:
    """Remove the record of a master's shares, unless it, a copy, or one of both in a recycle bin may need it."""
    placed = any(line.ami_id for line in records(ctx, Placement).all(f"{master}/").values())
    if placed or _there(ctx, master, home):
        return True
    family: dict[str, set[str]] = defaultdict(set)
    for ident, line in records(ctx, Retirement).all().items():
        if line.ties.master == master and line.intent_kept:
            family[line.region].add(ident)
    if any(_may_come_back(ctx, region, idents) for region, idents in family.items()):
        return True
    records(ctx, Sharing).remove(master)
    return False


def _there(ctx: Context, master: str, home: str) -> bool:
    """Tell whether an image or a copy of it is there, or may be in a region that cannot be asked."""
    try:
        spots, unasked = spots_of(ctx, master, home)
    except CloudError:
        return True
    return bool(spots or unasked)


def _may_come_back(ctx: Context, region: str, idents: Collection[str]) -> bool:
    """Tell whether a recycle bin has one of some images, or cannot be asked."""
    try:
        binned = {one.id for one in ctx.account().images(region).recycled()}
    except CloudError:
        return True
    return not binned.isdisjoint(idents)


def _known_ties(ctx: Context, subject: Subject) -> Ties:
    """Return what the store alone knows of an image that nobody has."""
    ledger: Mapping[str, Placement] = records(ctx, Placement).all()
    copied = next((key for key, line in ledger.items() if line.ami_id == subject.ami_id), "")
    master = copied.partition("/")[0] or subject.ami_id
    intent = records(ctx, Sharing).get(master)
    return Ties(master=master, home=intent.region) if intent else Ties()


def _leaving(ctx: Context, intent: Sharing | None) -> Iterator[str]:
    """Yield those who have left a community, and from whom not everything could be taken away yet."""
    for one in intent.grantees if intent else ():
        found = records(ctx, Community).get(one.id) if one.kind == "community" else None
        yield from found.leaving if found else ()
