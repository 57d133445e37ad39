"""One image and its snapshots are removed: written down first, so that whoever comes next can finish it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.end_shares import end_grants, forget_shares, ties_of
from cws_build.actions.remember import records
from cws_build.errors import CloudError
from cws_build.model.events import Notice
from cws_build.model.placement import Placement
from cws_build.model.retiring import Outcome, Retirement, Ties

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.retiring import Subject


def retire_image(ctx: Context, subject: Subject, reason: str) -> Outcome:
    """Deregister an image and delete its snapshots; the same again finishes what was begun.

    A snapshot that another image has too, or that is locked, stays and is named. Grants on its keys that nothing else
    needs are revoked; one that cannot be is a warning, and the removal stays open until it is.

    Raises:
        CloudError: AWS refuses to deregister it, or to tell who has it; its record is taken back.
        StoreError: The record cannot be written; nothing was removed.
    """
    line = _begin(ctx, subject, reason)
    images = ctx.account().images(subject.region)
    try:
        removed = images.deregister(subject.ami_id)
    except CloudError:
        if _is_there(ctx, subject):
            records(ctx, Retirement).remove(subject.ami_id)  # so that there is nothing to finish
        raise
    gone, kept = set(removed.snapshots), dict(removed.kept)
    for snapshot in line.snapshots:
        if snapshot not in gone and snapshot not in kept:
            try:
                images.delete_snapshot(snapshot)
                gone.add(snapshot)
            except CloudError as error:
                kept[snapshot] = error.message
    _forget(ctx, subject)
    left = _end(ctx, subject.ami_id, msgspec.structs.replace(line, kept=kept))
    return Outcome(
        ami_id=subject.ami_id,
        region=subject.region,
        status="done",
        snapshots=tuple(sorted(gone)),
        kept=kept,
        warnings=left,
    )


def unfinished(ctx: Context) -> dict[str, Retirement]:
    """Return the removals that were begun and not finished, by image; raises StoreError."""
    return {ident: line for ident, line in records(ctx, Retirement).all().items() if line.status != "done"}


def _begin(ctx: Context, subject: Subject, reason: str) -> Retirement:
    fresh = Retirement(
        region=subject.region,
        name=subject.name,
        snapshots=subject.snapshots,
        reason=reason,
        at=ctx.clock().isoformat(timespec="seconds"),
        ties=ties_of(ctx, subject),
    )

    def how(old: Retirement | None) -> Retirement:
        if old is None or old.status == "done":  # one that was restored since goes anew
            return fresh
        both = tuple(dict.fromkeys((*old.snapshots, *subject.snapshots)))
        return msgspec.structs.replace(old, snapshots=both, ties=_both(old.ties, fresh.ties))

    return records(ctx, Retirement).change(subject.ami_id, how) or fresh


def _both(old: Ties, fresh: Ties) -> Ties:
    """Return ties of two looks at one image: what was shared since must end as well."""
    return Ties(
        master=fresh.master or old.master,
        home=fresh.home or old.home,
        keys=tuple(dict.fromkeys((*old.keys, *fresh.keys))),
        accounts=tuple(dict.fromkeys((*old.accounts, *fresh.accounts))),
    )


def _end(ctx: Context, ident: str, line: Retirement) -> tuple[str, ...]:
    """End an image's shares and its line; return what is left, for which the line stays open."""
    left = end_grants(ctx, ident, line)
    for said in left:
        ctx.emit(Notice(message=said, hint="the same command again, or ami cleanup, revokes it", level="warning"))
    kept = forget_shares(ctx, ident, line)
    status = "begun" if left else "done"
    records(ctx, Retirement).put(ident, msgspec.structs.replace(line, status=status, intent_kept=kept))
    return left


def _is_there(ctx: Context, subject: Subject) -> bool:
    """Tell whether an image is still there, after a refusal or a call of which nobody heard the answer."""
    try:
        return ctx.account().images(subject.region).progress(subject.ami_id).state != "gone"
    except CloudError:
        return False


def _forget(ctx: Context, subject: Subject) -> None:
    """Take a copy out of the ledger, so that nobody waits for it, and drop what lookups remember."""
    ledger = records(ctx, Placement)
    for key, line in ledger.all().items():
        if line.ami_id == subject.ami_id:
            ledger.remove(key)
    ctx.lookup(subject.region).forget()
