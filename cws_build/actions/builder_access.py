"""The key pair and the security group of one build: ours, so that they carry tags and can be found again.

The key pair's name is the recipe's digest. EC2 keeps names of key pairs unique in an account and region, so
that importing it is also the lock that keeps two machines from baking the same recipe at the same time.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.run_resources import Group, make_group, remove_all, run_tags, seen
from cws_build.errors import CloudError
from cws_build.model.image import Resource

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
    tags = {"Name": f"cws-build {build.plan.recipe.template}"[:256]} | ctx.settings.bake.tags | run_tags(build.run)
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
        remove_all(ctx, (one for one in reversed(made) if one.kind == "key_pair" or not access.keep), build.run)


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
    return seen(ctx, build.run, key)


def _remove_stale_key(ctx: Context, build: Build, cloud: Cloud, key: Resource) -> None:
    holder = next((r for r in cloud.resources(()) if r.kind == key.kind and r.id == key.id), key)
    expired = holder.expires and datetime.fromisoformat(holder.expires) < ctx.clock()
    if not expired:
        build.run.gone((key.kind, key.id))
        raise AlreadyBakingError(
            f"run {holder.run or 'unknown'} is baking this recipe in {cloud.region} (it holds the key pair {key.id})",
            hint="wait for its image; if that run has crashed: cws-build reap",
            details={"run": holder.run, "expires": holder.expires},
        )
    cloud.remove(holder)


def _create_group(ctx: Context, build: Build, cloud: Cloud, access: Access) -> Resource:
    settings, name = ctx.settings.bake, f"cws-build-{build.run.info.id}"
    wanted = Group(name=name, subnet=settings.subnet_id, ssh_cidr=settings.ssh_cidr, tags=access.tags)
    group = seen(ctx, build.run, make_group(build.run, cloud, wanted), name)
    access.group = group.id
    return group
