"""What speaks against sharing an image in a region: known before anything is changed, with the way out of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.grant_rights import held_rights
from cws_build.actions.remember import records
from cws_build.errors import CloudError
from cws_build.model.created_tags import MODIFIED_TAG
from cws_build.model.image import DIGEST_TAG
from cws_build.model.rights import MOST_TARGETS, PUBLIC, Rights, accounts_of, rights_of
from cws_build.model.sharing import Community, Sharing
from cws_build.ports.images import ImageDetail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.ports.images import Images

_UNBLOCKED = "unblocked"
_DECIDES = "it is for whoever answers for the account to decide, never for this command"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an image cannot be shared as it is wanted."""

    region: str
    ami_id: str
    reason: str
    hint: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out of one image."""

    detail: ImageDetail
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()


def check_image(ctx: Context, region: str, ident: str, wanted: Rights) -> Checked:
    """Look at one image and at its region's rules.

    Raises:
        CloudError: The region cannot be asked.
    """
    images = ctx.account().images(region)
    detail = images.detail(ident)
    reasons = [*licence_refusals(detail, wanted), *_keys(images, detail), *_public(images, detail, wanted)]
    reasons += _targets(images, detail, wanted)
    found = (Refusal(region=region, ami_id=ident, reason=reason, hint=hint) for reason, hint in reasons)
    return Checked(detail=detail, refusals=tuple(found), warnings=tuple(_warnings(detail, wanted)))


def rights_in(ctx: Context, sharing: Sharing, region: str) -> Rights:
    """Return what an intent means in a region, communities by their members of now."""
    named = {one.id for one in sharing.grantees if one.kind == "community"}
    table = records(ctx, Community) if named else None
    found = {name: table.get(name) if table else None for name in named}
    return rights_of(sharing.grantees, {name: one for name, one in found.items() if one}, region)


def public_refusals(images: Images, *, snapshots: bool = False, again: bool = False) -> list[tuple[str, str]]:
    """Return why nothing can be made public in a region, each with the way out; raises CloudError.

    Args:
        images: Of the region.
        snapshots: Snapshots are to be public as well.
        again: The image is public already, and counted.
    """
    rules, region = images.public_access(), images.region
    found = []
    if rules.images != _UNBLOCKED:
        command = f"aws ec2 disable-image-block-public-access --region {region}"
        found.append((f"block public access is on for images in {region}", f"{_DECIDES}: {command}"))
    if snapshots and rules.snapshots != _UNBLOCKED:
        command = f"aws ec2 disable-snapshot-block-public-access --region {region}"
        found.append((f"block public access is on for snapshots in {region}", f"{_DECIDES}: {command}"))
    if rules.quota is not None and rules.count >= rules.quota and not again:
        ask = (
            "cws-build ami unshare AMI --public takes one back; more: aws service-quotas "
            f"request-service-quota-increase --service-code ec2 --quota-code L-0E3CBAB9 --region {region} "
            f"--desired-value {rules.count + 1}"
        )
        found.append((f"{rules.count} of {rules.quota} public images are taken in {region}", ask))
    return found


def used(ami: Ami) -> bool:
    """Tell whether an image may hold what somebody has left on a machine: only a digest proves the opposite."""
    return MODIFIED_TAG in ami.tags or DIGEST_TAG not in ami.tags


def licence_refusals(detail: ImageDetail, wanted: Rights) -> Iterator[tuple[str, str]]:
    """Yield why an image that bills for a product or a licence cannot be shared so, each with the way out."""
    ami = detail.ami
    if not ami.licensed:
        return
    what = "bears product codes of AWS Marketplace" if ami.product_codes else f"bills a licence ({ami.platform})"
    if PUBLIC in wanted.launch:
        yield f"{ami.id} {what}, and no such image can be public", "name accounts: --account, --community, --org"
    if wanted.copy:
        yield f"{ami.id} {what}, and AWS copies no such image to another account", "--level launch"


def _keys(images: Images, detail: ImageDetail) -> Iterator[tuple[str, str]]:
    keys = dict.fromkeys(disk.kms_key for disk in detail.disks if disk.encrypted)
    for key in keys:
        try:
            if key and not images.amazons_key(key):
                continue
        except CloudError as error:
            yield f"{detail.ami.id} is encrypted with a key that cannot be asked for: {error.message}", error.hint
            continue
        ami = detail.ami
        why = f"{ami.id} is encrypted with Amazon's own key of this account, with which nothing can be shared"
        yield why, f"share a copy that has a key of yours: {_other_key(ami)}"


def _other_key(ami: Ami) -> str:
    """Return the commands that copy an image with another key."""
    return (
        f"cws-build ami copy {ami.id} --regions OTHER --kms-key OTHER=KEY; in {ami.region} itself: aws ec2 copy-image "
        f"--region {ami.region} --source-region {ami.region} --source-image-id {ami.id} --name '{ami.name} shared' "
        "--copy-image-tags --encrypted --kms-key-id KEY"
    )


def _public(images: Images, detail: ImageDetail, wanted: Rights) -> Iterator[tuple[str, str]]:
    if PUBLIC not in wanted.launch:
        return
    if any(disk.encrypted for disk in detail.disks):
        yield f"{detail.ami.id} is encrypted, and what is encrypted cannot be public", "name accounts, or a community"
    held = all(access.public for access in detail.snapshot_access.values())
    snapshots = PUBLIC in wanted.copy and not held
    if snapshots or not detail.launch.public:
        yield from public_refusals(images, snapshots=snapshots, again=detail.launch.public)


def _targets(images: Images, detail: ImageDetail, wanted: Rights) -> Iterator[tuple[str, str]]:
    if len(wanted.launch) <= 1:
        return
    count = len(held_rights(images, detail).launch | wanted.launch)
    if count > MOST_TARGETS:
        said = f"would be shared with {count:,} accounts, organizations and units; AWS allows {MOST_TARGETS:,}"
        yield f"{detail.ami.id} {said}", "--org and --ou count once for all their accounts"


def _warnings(detail: ImageDetail, wanted: Rights) -> Iterator[str]:
    ami = detail.ami
    encrypted = any(disk.encrypted for disk in detail.disks)
    groups = sorted(one for one in wanted.launch if one.kind in {"org", "ou"})
    if encrypted and groups:
        yield (
            f"{ami.id} is encrypted: KMS gives no grants to {groups[0].said}, whose members can launch it only where "
            "the key's own policy lets them (condition aws:PrincipalOrgID)"
        )
    if encrypted and accounts_of(wanted.launch):
        yield f"{ami.id} is encrypted: its key is shared along, as no launch works without it"
