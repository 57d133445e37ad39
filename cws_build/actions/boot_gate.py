"""The gate between Packer and the tags that say an image is good: a machine of it must come up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.boot_ami import boot_within
from cws_build.actions.boot_plan import BootRequest, Network
from cws_build.errors import BakeFailed, CloudError
from cws_build.model.events import Notice
from cws_build.model.image import EXPIRES_TAG, ImageQuery

if TYPE_CHECKING:
    from cws_build.actions.build_image import Build
    from cws_build.actions.builder_access import Access
    from cws_build.context import Context
    from cws_build.model.booting import Boot
    from cws_build.model.image import Ami

_BY_ADDRESS = ("", "public_ip", "private_ip", "public_dns", "private_dns")
"""Values of Packer's ``ssh_interface`` that lead to an address; any other needs a tunnel that only Packer opens."""


def boot_gate(ctx: Context, build: Build, access: Access, image: str) -> Boot | None:
    """Start a machine of a new image where its builder stood, and see it ready; None where it has no address.

    The machine has the builder's subnet, security group and type: what Packer has reached can be reached.

    Raises:
        BakeFailed: It does not come up; without the digest tag the image goes with the run, unless it is kept.
        CloudError: The account refused the machine, which says nothing of the image.
        Interrupted: ``ctx.cancel`` was set.
    """
    if not _reachable(ctx, build):
        return None
    ami = _described(ctx, build, image)
    request = BootRequest(
        ami=ami,
        compiled=build.compiled,
        instance_types=(build.plan.instance_type,),
        network=_network(ctx, access),
        keep=build.keep,
    )
    try:
        boot = boot_within(ctx, request, build.run)
    except CloudError as error:
        about = f"{ami.id} could not be tried: {error.message}"
        hint = error.hint or f"`cws-build bake {build.plan.recipe.template} --no-boot-test` bakes without trying"
        raise type(error)(about, hint=hint, details=error.details) from error
    if not boot.ok:
        access.keep = bool(boot.kept) and _kept(ctx, build, ami)
        raise _refusal(build, boot, kept=access.keep)
    return boot


def _reachable(ctx: Context, build: Build) -> bool:
    interface = ctx.settings.bake.ssh_interface
    if interface in _BY_ADDRESS:
        return True
    message = f"the new image is not tried: bake.ssh_interface is {interface}, and a boot test needs an address"
    hint = "images.boot_test = false says so for good; cws-build ami test --boot tries it from elsewhere"
    info = build.run.info
    ctx.emit(Notice(run=info.id, subject=info.subject, message=message, level="warning", hint=hint))
    return False


def _network(ctx: Context, access: Access) -> Network:
    bake = ctx.settings.bake
    return Network(
        subnet=bake.subnet_id,
        groups=(access.group,),
        ssh_cidr=bake.ssh_cidr,
        instance_profile=bake.iam_instance_profile,
        private=bake.ssh_interface.startswith("private"),
        tags=bake.tags,
    )


def _described(ctx: Context, build: Build, image: str) -> Ami:
    found = ctx.account().cloud(build.plan.region).images(ImageQuery(ids=(image,), states=()))
    if not found:
        raise CloudError(f"{image} was made and is gone again", hint="was it deregistered by somebody's clean-up?")
    return found[0]


def _kept(ctx: Context, build: Build, ami: Ami) -> bool:
    """Put the image and its machine under a lease, and say so; False where that cannot be done."""
    cloud, info = ctx.account().cloud(build.plan.region), build.run.info
    until = (ctx.clock() + timedelta(minutes=ctx.settings.bake.keep_minutes)).isoformat(timespec="seconds")
    try:
        mine = [one.id for one in cloud.resources([info.id]) if one.kind != "key_pair"]
        cloud.tag([*dict.fromkeys([ami.id, *ami.snapshots, *mine])], {EXPIRES_TAG: until})
    except CloudError as error:
        ctx.emit(Notice(run=info.id, subject=info.subject, message=error.message, level="warning"))
        return False
    build.run.keep(until)
    message = f"{ami.id} and its machine stay until {until}, without the tags of a finished image"
    hint = f"cws-build reap --run {info.id} removes them before"
    ctx.emit(Notice(run=info.id, subject=info.subject, message=message, hint=hint))
    return True


def _refusal(build: Build, boot: Boot, *, kept: bool) -> BakeFailed:
    again = f"cws-build bake {build.plan.recipe.template}"
    look = f"`{again} --on-failure keep` leaves the image and its machine for a look"
    after = f"{boot.kept} leads to its machine" if kept else look
    details: dict[str, object] = {
        "task": boot.failed,
        "output": boot.output,
        "log": str(build.run.folder / "packer.log"),
        "run": build.run.info.id,
        "boot": msgspec.to_builtins(boot),
    }
    if kept:
        details["ami_id"] = boot.ami_id
    return BakeFailed(
        f"the new image of {build.run.info.subject} does not work ({boot.failed}): {boot.error}",
        hint="; ".join(filter(None, (boot.hint, after))),
        details=details,
    )
