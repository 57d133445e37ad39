"""Whether an image can be copied, and what a region would make of the copy: known before anything is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.remember import records
from cws_build.model.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.context import Context
    from cws_build.ports.images import ImageDetail

_AMAZONS_OWN = "aws/ebs"
"""What the key that cannot be shared is called, as alias or in its ARN."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """What a region would make of a copy."""

    region: str
    kms_key: str = ""
    caution: str = ""
    refused: str = ""
    hint: str = ""


def why_not_copyable(ctx: Context, image: ImageDetail) -> str:
    """Return why nobody may copy this image, as one sentence; empty where this account may.

    Launching somebody's image needs the right to the image alone, copying it needs its snapshots as well.
    """
    ami = image.ami
    if ami.owner in {"self", ctx.lookup("").account()}:
        return ""
    if ami.product_codes:
        return f"{ami.id} is of AWS Marketplace, whose images cannot be copied to another account"
    if ami.licensed:
        return f"{ami.id} is billed with a licence ({ami.platform}), and cannot be copied to another account"
    # Asked anew: whoever is told this asks the owner, and tries again a minute later.
    readable = ctx.account().reader(ami.region).snapshots(ami.snapshots)
    closed = [snapshot for snapshot in ami.snapshots if snapshot not in readable]
    if closed:
        return f"its owner {ami.owner} has not shared {', '.join(closed)}: the image may be launched, but not copied"
    return ""


def destination(ctx: Context, master: ImageDetail, region: str, keys: Mapping[str, str]) -> Destination:
    """Tell by which key a copy will be encrypted in a region, and what that means; raises CloudError."""
    named = keys.get(region) or ctx.settings.images.kms_keys.get(region, "")
    if named:
        return Destination(region=region, kms_key=named)
    encrypted = any(disk.encrypted for disk in master.disks)
    found = ctx.account().images(region).encryption()
    if not (found.by_default or encrypted) or not _of_amazon(found.key):
        return Destination(region=region)
    why = "encrypts all new disks" if found.by_default else "encrypts the copy as the image is encrypted"
    said = f"{region} {why} with Amazon's own key, with which a copy cannot be shared with anybody"
    hint = f"--kms-key {region}=KEY, or kms_keys in [images], encrypts it with a key of yours"
    intent = records(ctx, Sharing).get(master.ami.id)
    if intent and intent.grantees:
        return Destination(region=region, refused=f"{said}, and {master.ami.id} is shared", hint=hint)
    return Destination(region=region, caution=said, hint=hint)


def _of_amazon(key: str) -> bool:
    return not key or _AMAZONS_OWN in key
