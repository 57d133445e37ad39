"""The key pair and the security group of one build: ours, so that they carry tags and can be found again.

The key pair's name is the recipe's digest. EC2 keeps names of key pairs unique in an account and region, so
that importing it is also the lock that keeps two machines from baking the same recipe at the same time.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import CloudError
from cws_build.model.events import Notice, ResourceGone, ResourceSeen
from cws_build.model.image import EXPIRES_TAG, RUN_TAG, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.actions.build_image import Build
    from cws_build.context import Context
    from cws_build.ports import Cloud


class AlreadyBakingError(CloudError):
    """Another machine is baking the same recipe in this account and region."""


class Access(msgspec.Struct):
    """How Packer reaches its builder. ``keep`` leaves the builder reachable when the build is over."""

    key_name: str
    key_file: str
    group: str
    tags: dict[str, str]
    keep: bool = False


@contextmanager
def builder_access(ctx: Context, build: Build, cloud: Cloud) -> Iterator[Access]:
    """Make a key pair and a security group, and remove them afterwards.

    Raises:
        AlreadyBakingError: The key pair exists and has not expired.
        CloudError: The account refused or failed.
    """
    info, made = build.run.info, list[Resource]()
    tags = {RUN_TAG: info.id, EXPIRES_TAG: info.expires, "Name": f"cws-build {build.plan.recipe.template}"[:256]}
    access = Access(
        key_name=f"cws-build-{info.digest[:20]}", key_file=str(build.run.folder / "key"), group="", tags=tags
    )
    try:
        made.append(_import_key(ctx, build, cloud, access))
        access.group = ctx.settings.bake.security_group_id
        if not access.group:
            made.append(_create_group(ctx, build, cloud, access))
        yield access
    finally:
        # A machine that is kept needs its group, and its key pair no more: that one is the lock of the recipe.
        for resource in (one for one in reversed(made) if one.kind == "key_pair" or not access.keep):
            remove(ctx, build, cloud, resource)


def _import_key(ctx: Context, build: Build, cloud: Cloud, access: Access) -> Resource:
    key = Resource("key_pair", access.key_name, cloud.region)
    public = ctx.make_key(build.run.folder / "key", f"cws-build {build.run.info.id}")
    build.run.intend(key.kind, key.id)
    try:
        cloud.import_key(key.id, public, access.tags)
    except CloudError as error:
        if "Duplicate" not in error.details.get("aws_code", ""):
            raise
        _remove_stale_key(ctx, build, cloud, key)
        cloud.import_key(key.id, public, access.tags)
    _seen(ctx, build, key)
    return key


def _remove_stale_key(ctx: Context, build: Build, cloud: Cloud, key: Resource) -> None:
    holder = next((r for r in cloud.resources(()) if r.kind == key.kind and r.id == key.id), key)
    expired = holder.expires and datetime.fromisoformat(holder.expires) < ctx.clock()
    if not expired:
        build.run.gone(key.kind, key.id)
        raise AlreadyBakingError(
            f"run {holder.run or 'unknown'} is baking this recipe in {cloud.region} (it holds the key pair {key.id})",
            hint="wait for its image; if that run has crashed: cws-build reap",
            details={"run": holder.run, "expires": holder.expires},
        )
    cloud.remove(holder)


def _create_group(ctx: Context, build: Build, cloud: Cloud, access: Access) -> Resource:
    settings, name = ctx.settings.bake, f"cws-build-{build.run.info.id}"
    build.run.intend("security_group", name)
    access.group = cloud.create_group(name, settings.subnet_id, settings.ssh_cidr, access.tags)
    build.run.gone("security_group", name)
    group = Resource("security_group", access.group, cloud.region)
    _seen(ctx, build, group)
    return group


def remove(ctx: Context, build: Build, cloud: Cloud, resource: Resource) -> None:
    """Remove a resource of a run; what cannot be removed now is left to `reap`, and said."""
    info = build.run.info
    try:
        cloud.remove(resource)
    except CloudError as error:
        message = f"{resource.kind} {resource.id} is still there: {error.message}"
        notice = Notice(run=info.id, subject=info.subject, message=message, level="warning", hint="cws-build reap")
        ctx.emit(notice)
        return
    build.run.gone(resource.kind, resource.id)
    ctx.emit(
        ResourceGone(run=info.id, subject=info.subject, kind=resource.kind, id=resource.id, region=resource.region)
    )


def _seen(ctx: Context, build: Build, resource: Resource) -> None:
    info = build.run.info
    build.run.made(resource.kind, resource.id)
    ctx.emit(
        ResourceSeen(run=info.id, subject=info.subject, kind=resource.kind, id=resource.id, region=resource.region)
    )
