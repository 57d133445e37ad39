"""Give and take rights on one image: keys, snapshots and the image as one act, looked at before and afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cws_build.model.rights import Holders, Rights, access_of, accounts_of, holders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cws_build.ports.images import ImageDetail, Images


class Held(NamedTuple):
    """What AWS has for one image."""

    launch: Holders
    snapshots: Mapping[str, Holders]
    """Snapshot -> who may copy it."""
    keys: Mapping[str, frozenset[str]]
    """KMS key -> the accounts that it is granted to."""

    @property
    def copy(self) -> Holders:
        """Who may copy every snapshot."""
        given = list(self.snapshots.values())
        return frozenset.intersection(*given) if given else frozenset()


def held_rights(images: Images, detail: ImageDetail) -> Held:
    """Ask AWS who has which right; raises CloudError."""
    keys = dict.fromkeys(disk.kms_key for disk in detail.disks if disk.encrypted and disk.kms_key)
    return Held(
        launch=holders(detail.launch),
        snapshots={snapshot: holders(access) for snapshot, access in detail.snapshot_access.items()},
        keys={key: frozenset(images.key_accounts(key)) for key in keys},
    )


def give(images: Images, ident: str, wanted: Rights) -> tuple[str, ...]:
    """Give what is missing, the image last: whoever sees it can use it. The same again does nothing.

    Returns:
        What AWS still does not have afterwards, a sentence each.

    Raises:
        CloudError: A call was refused; what was given before stays, and the same again goes on.
    """
    held = held_rights(images, images.detail(ident))
    for key, accounts in held.keys.items():
        for account in sorted(accounts_of(wanted.launch) - accounts):
            images.share_key(key, account)
    for snapshot, there in held.snapshots.items():
        if wanted.copy - there:
            images.share_snapshots([snapshot], access_of(wanted.copy - there))
    if wanted.launch - held.launch:
        images.share(ident, access_of(wanted.launch - held.launch))
    return lacking(held_rights(images, images.detail(ident)), wanted)


def lacking(held: Held, wanted: Rights) -> tuple[str, ...]:
    """Return what is wanted and not there, a sentence each."""
    said = [f"{one.said} cannot launch it" for one in sorted(wanted.launch - held.launch)]
    said += [
        f"{one.said} cannot copy its snapshot {snapshot}"
        for snapshot, there in held.snapshots.items()
        for one in sorted(wanted.copy - there)
    ]
    said += [
        f"account {account} has no grant on its key {key}"
        for key, there in held.keys.items()
        for account in sorted(accounts_of(wanted.launch) - there)
    ]
    return tuple(said)


def take(images: Images, ident: str, gone: Rights, keep: Rights, needed: Callable[[str, str], bool]) -> tuple[str, ...]:
    """Take rights away, the image first: nobody begins what cannot be ended. The same again does nothing.

    Args:
        images: Of the image's region.
        ident: The image.
        gone: What is taken away.
        keep: What is meant to stay, whatever else is taken away.
        needed: Tells of a key and an account whether another image is shared with it that needs the key.

    Returns:
        What is still there afterwards, a sentence each.

    Raises:
        CloudError: A call was refused; the same again goes on.
    """
    launch, copy = gone.launch - keep.launch, gone.copy - keep.copy
    held = held_rights(images, images.detail(ident))
    if launch & held.launch:
        images.unshare(ident, access_of(launch & held.launch))
    for snapshot, there in held.snapshots.items():
        if copy & there:
            images.unshare_snapshots([snapshot], access_of(copy & there))
    kept = set()
    for key, accounts in held.keys.items():
        for account in sorted(accounts_of(launch) & accounts):
            if needed(key, account):
                kept.add((key, account))
            else:
                images.unshare_key(key, account)
    return _left(held_rights(images, images.detail(ident)), Rights(launch=launch, copy=copy), kept)


def _left(held: Held, gone: Rights, kept: set[tuple[str, str]]) -> tuple[str, ...]:
    said = [f"{one.said} can still launch it" for one in sorted(gone.launch & held.launch)]
    said += [
        f"{one.said} can still copy its snapshot {snapshot}"
        for snapshot, there in held.snapshots.items()
        for one in sorted(gone.copy & there)
    ]
    said += [
        f"account {account} still has a grant on its key {key}"
        for key, there in held.keys.items()
        for account in sorted(accounts_of(gone.launch) & there)
        if (key, account) not in kept
    ]
    return tuple(said)
