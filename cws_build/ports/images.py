"""What may be asked of one region's images: made, copied, shared, aged, removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from cws_build.model.image import Ami

if TYPE_CHECKING:
    from cws_build.model.owning import OwnImage


class CreateOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One CreateImage call. The name makes it idempotent: EC2 refuses a second image of the same name."""

    instance: str
    name: str
    description: str = ""
    no_reboot: bool = False
    """Do not stop the machine: the image is only as consistent as after a power cut."""
    tags: Mapping[str, str] = {}
    """Set on the image and its snapshots in the same call."""


class CopyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One CopyImage call, made in the region that the copy is for."""

    source: str
    source_region: str
    name: str
    description: str = ""
    tags: Mapping[str, str] = {}
    """Set on the copy and its snapshots in the same call."""
    token: str
    """The same token never makes a second copy."""
    kms_key: str = ""
    """Encrypt the copy with this key; empty for as the source is, or as the region does by default."""


class ImageProgress(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is being made."""

    image: str
    state: str
    """``pending``, ``available``, ``failed``, ``disabled``, or ``gone`` for one that is not there any more."""
    percent: int | None = None
    """Of its snapshots, the slowest; None where it is not told."""
    reason: str = ""


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """One disk of an image."""

    device: str
    snapshot: str
    size_gb: int
    encrypted: bool = False
    kms_key: str = ""
    """The key's ARN; empty where it is not encrypted."""
    written_gb: float | None = None
    """What was written to it, which storage and copies are billed by; None where AWS does not tell."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who may use something besides its owner, as AWS has it now."""

    accounts: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    """ARNs."""
    units: tuple[str, ...] = ()
    """ARNs of organizational units."""
    public: bool = False


class ImageDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that AWS tells its owner of an image."""

    ami: Ami
    disks: tuple[Disk, ...] = ()
    launch: Access = Access()
    snapshot_access: Mapping[str, Access] = {}
    """By snapshot: who may copy it, or make volumes from it."""
    protection: str = ""
    """AWS's words: ``disabled``, ``enabled-with-cooldown``, ``enabled-without-cooldown`` …"""
    last_launched: str = ""
    """ISO 8601 UTC, up to a day late; empty for never, or unknown."""
    source_image: str = ""
    source_region: str = ""
    source_instance: str = ""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that uses an image."""

    kind: str
    """``instance``, ``launch_template``, ``auto_scaling_group``, ``ssm_parameter``, ``image_recipe``; from this project
    ``channel``, ``template`` and ``copy``; ``account`` for use in another account."""
    id: str
    """An id, a name, an ARN, or ``file:line``."""
    region: str = ""
    at: str = ""
    """When it was made, or last used; ISO 8601 UTC, empty where unknown."""
    detail: str = ""
    """What a person should know besides, such as a machine's state or a launch template's version."""


class OwnSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the account."""

    id: str
    region: str
    size_gb: int
    written_gb: float | None = None
    created: str = ""
    description: str = ""
    state: str = "completed"
    tags: Mapping[str, str] = {}


class Encryption(msgspec.Struct, frozen=True, kw_only=True):
    """What a region does with new disks."""

    by_default: bool
    key: str
    """The key's ARN or alias that is used then; ``alias/aws/ebs`` is Amazon's own, which cannot be shared."""


class PublicAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What a region allows to be made public."""

    images: str
    """``unblocked`` or ``block-new-sharing``."""
    snapshots: str
    """``unblocked``, ``block-new-sharing`` or ``block-all-sharing``."""
    quota: int | None = None
    """How many public images the account may have here; None where Service Quotas does not tell."""
    count: int = 0
    """How many it has."""


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an image's snapshots when it was deregistered."""

    snapshots: tuple[str, ...] = ()
    """Those that are gone."""
    kept: Mapping[str, str] = {}
    """Snapshot -> why it is still there, in AWS's words."""


class Images(Protocol):
    """One region's images, of the account's own. Every method raises `CloudError`, with ``aws_code`` in its details."""

    region: str

    def create(self, order: CreateOrder) -> str:
        """Begin to make an image of a machine; return its id at once."""
        ...

    def copy(self, order: CopyOrder) -> str:
        """Begin to copy an image into this region; return the new id at once."""
        ...

    def progress(self, image: str) -> ImageProgress:
        """Tell how far an image is that is being made."""
        ...

    def detail(self, image: str) -> ImageDetail:
        """Tell everything of an image; raises ResourceNotFound. Of others' images, what their owner lets be seen."""
        ...

    def regions(self) -> tuple[str, ...]:
        """Return the regions that the account has enabled, sorted."""
        ...

    def share(self, image: str, access: Access) -> None:
        """Let these launch an image, besides those that may already."""
        ...

    def unshare(self, image: str, access: Access) -> None:
        """Take the right to launch away from these."""
        ...

    def share_snapshots(self, snapshots: Sequence[str], access: Access) -> None:
        """Let accounts, or everybody, copy snapshots. AWS knows no such share for organizations."""
        ...

    def unshare_snapshots(self, snapshots: Sequence[str], access: Access) -> None:
        """Take the right to copy away."""
        ...

    def share_key(self, key: str, account: str) -> str:
        """Grant an account what it needs to launch from and to copy with a KMS key, once; return the grant's id."""
        ...

    def unshare_key(self, key: str, account: str) -> None:
        """Revoke the grants that `share_key` gave an account."""
        ...

    def key_accounts(self, key: str) -> tuple[str, ...]:
        """Return the accounts to which `share_key` gave a key."""
        ...

    def amazons_key(self, key: str) -> bool:
        """Tell whether a KMS key is Amazon's own of this account, which cannot be shared; raises ResourceNotFound."""
        ...

    def key_arn(self, key: str) -> str:
        """Return the ARN of a KMS key of this region that is named by id, alias or ARN; raises ResourceNotFound."""
        ...

    def encryption(self) -> Encryption:
        """Return what the region does with new disks."""
        ...

    def public_access(self) -> PublicAccess:
        """Return what the region allows to be made public. Nothing here ever switches a block off."""
        ...

    def deprecate(self, image: str, at: str) -> None:
        """Set the time, ISO 8601 UTC, from which others' searches no longer show an image; empty to take it away."""
        ...

    def disable(self, image: str) -> None:
        """Keep an image from being launched. AWS forgets its launch permissions: save them before."""
        ...

    def enable(self, image: str) -> None:
        """Let a disabled image be launched again, by its owner."""
        ...

    def protect(self, image: str, *, on: bool, cooldown: bool = False) -> None:
        """Set or take away protection against deregistration; with a cooldown it counts for 24 h after its end."""
        ...

    def deregister(self, image: str) -> Removed:
        """Deregister an image and delete its snapshots, but for those that anything else holds; twice is no error."""
        ...

    def delete_snapshot(self, snapshot: str) -> None:
        """Delete a snapshot; deleting what is gone already is no error."""
        ...

    def restore(self, image: str) -> None:
        """Bring an image back from the recycle bin, whose snapshots are there already."""
        ...

    def restore_snapshots(self, image: str, snapshots: Sequence[str]) -> tuple[str, ...]:
        """Bring snapshots back from the recycle bin; return those that lay there, sorted.

        Args:
            image: Also those whose description says that they were made for it.
            snapshots: Those that are known by id.
        """
        ...

    def snapshot_states(self, snapshots: Sequence[str]) -> dict[str, str]:
        """Return EC2's word for the state of each snapshot; ``gone`` for one that is not there."""
        ...

    def recycled(self) -> list[Ami]:
        """Return the images in the recycle bin, state ``recycled``; little more than names is told of them."""
        ...

    def own(self) -> Iterator[list[OwnImage]]:
        """Yield the account's images in whatever state, page by page, in short: there may be thousands."""
        ...

    def launch_access(self, image: str) -> Access:
        """Tell who may launch an own image; one call, where `detail` takes several."""
        ...

    def snapshots(self) -> list[OwnSnapshot]:
        """Return all snapshots of the account, every page of them."""
        ...

    def references(self, images: Sequence[str]) -> dict[str, list[Reference]]:
        """Return what in this account and region uses images; what may not be asked is an error, no empty list.

        Machines, launch templates, auto scaling groups, image recipes, parameters' newest and labelled versions.
        """
        ...

    def usage(self, image: str, seconds: float) -> list[Reference] | None:
        """Return which other accounts use an image, by AWS's usage report; None where the next call must read it."""
        ...
