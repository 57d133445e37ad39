"""Whether an image that is there is encrypted with the key that a copy was asked for with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.remember import records
from cws_build.errors import CloudError
from cws_build.model.placement import Placement

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.distribution import DistributeRequest
    from cws_build.model.image import Ami
    from cws_build.ports.images import Disk


class OtherKey(msgspec.Struct, frozen=True, kw_only=True):
    """Why an image that is there is not what was asked for."""

    reason: str
    hint: str


def other_key(ctx: Context, request: DistributeRequest, ami: Ami, *, master: bool = False) -> OtherKey | None:
    """Compare the disks of an image with the key that is named for its region.

    Args:
        ctx: The context.
        request: What was asked for; a key of its own counts before one of the settings.
        ami: An image that is there, or on its way.
        master: It is the image that others are copied from: it cannot go, and the settings' keys are for copies.

    Returns:
        None where no key is named, or it is the one.

    Raises:
        CloudError: The image cannot be asked.
    """
    region, own = ami.region, ctx.settings.images.kms_keys
    key = request.kms_keys.get(region) or ("" if master else own.get(region, ""))
    if not key:
        return None
    reason = "" if _begun_with(ctx, ami, key) else _reason(ctx, ami, key)
    if not reason:
        return None
    named = f"--kms-key {region}=…" if request.kms_keys.get(region) else f"{region} in kms_keys in [images]"
    stays = f"without {named} it stays as it is"
    if master:
        return OtherKey(reason=reason, hint=stays)
    gone = f"cws-build ami deregister {ami.id} --region {region}, and the same command again copies it with that key"
    return OtherKey(reason=reason, hint=f"{gone}; {stays}")


def _begun_with(ctx: Context, ami: Ami, key: str) -> bool:
    """Tell whether a copy under way was asked for with a key: EC2 may not tell of its disks yet."""
    lines = records(ctx, Placement).all().values() if ami.state == "pending" else ()
    return any(line.ami_id == ami.id and line.kms_key == key for line in lines)


def _reason(ctx: Context, ami: Ami, key: str) -> str:
    """Return in what the disks of an image differ from a key; empty where they do not."""
    images, where = ctx.account().images(ami.region), f"{ami.id} in {ami.region}"
    disks = images.detail(ami.id).disks
    if not disks:
        return f"{where} is {ami.state}, and not known to be encrypted with {key}"
    if any(not disk.encrypted for disk in disks):
        return f"{where} is not encrypted, and not with {key}"
    try:
        wanted = key if key.startswith("arn:") and ":key/" in key else images.key_arn(key)
    except CloudError as error:
        return f"whether {where} is encrypted with {key} is not known: {error.message}"
    others = sorted({_said(disk) for disk in disks if disk.kms_key != wanted})
    return f"{where} is encrypted with {', '.join(others)}, not with {key}" if others else ""


def _said(disk: Disk) -> str:
    return disk.kms_key or "a key that AWS does not name"
