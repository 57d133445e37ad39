"""What a run makes in the cloud: written down before it exists, tagged so that `reap` finds it, and removed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import CloudError
from cws_build.model.events import Notice, ResourceGone, ResourceSeen
from cws_build.model.image import EXPIRES_TAG, RUN_TAG, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.context import Context
    from cws_build.ports import Cloud, Run


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A security group to be made."""

    name: str
    subnet: str
    """Its network is the group's; empty for the default one."""
    ssh_cidr: str
    tags: dict[str, str]


def run_tags(run: Run) -> dict[str, str]:
    """Return the tags by which `reap` finds what a crash left behind."""
    return {RUN_TAG: run.info.id, EXPIRES_TAG: run.info.expires}


def seen(ctx: Context, run: Run, resource: Resource, intended: str = "") -> Resource:
    """Write down and tell that a resource exists; return it.

    Args:
        ctx: The context.
        run: Whose it is.
        resource: It exists.
        intended: The name that the journal has for it so far, where that is not its id.
    """
    run.made(resource.kind, resource.id, intended)
    info = run.info
    ctx.emit(
        ResourceSeen(run=info.id, subject=info.subject, kind=resource.kind, id=resource.id, region=resource.region)
    )
    return resource


def make_group(run: Run, cloud: Cloud, group: Group) -> Resource:
    """Make a security group that admits SSH; the journal knows it by name until it is `seen`."""
    run.intend("security_group", group.name)
    ident = cloud.create_group(group.name, group.subnet, group.ssh_cidr, group.tags)
    return Resource("security_group", ident, cloud.region)


def remove_all(ctx: Context, resources: Iterable[Resource], run: Run | None) -> list[Resource]:
    """Remove resources in order, whatever becomes of the others; return those that are gone."""
    gone: list[Resource] = []
    ident, subject = (run.info.id, run.info.subject) if run else ("", "")
    for one in resources:
        try:
            ctx.account().cloud(one.region).remove(one)
        except CloudError as error:
            message = f"{one.kind} {one.id} is still there: {error.message}"
            ctx.emit(Notice(run=ident, subject=subject, message=message, level="warning", hint="cws-build reap"))
            continue
        gone.append(one)
        if run:
            run.gone((one.kind, one.id))
        ctx.emit(ResourceGone(run=ident, subject=subject, kind=one.kind, id=one.id, region=one.region))
    return gone
