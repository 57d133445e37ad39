"""The key pair and the security group of one machine: made for it alone, and removed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.run_resources import Group, make_group, remove_all, run_tags, seen
from cws_build.model.image import Resource
from cws_build.model.machine_tags import GROUP_TAG, KEY_TAG, NAME_TAG, made_for
from cws_build.ports.machines import Login

if TYPE_CHECKING:
    from pathlib import Path

    from cws_build.context import Context
    from cws_build.model.launching import LaunchPlan
    from cws_build.ports import Run
    from cws_build.ports.machines import MachineState


class Access(msgspec.Struct):
    """How a machine will be reached. ``made`` is what exists for it so far, in the order of its making."""

    key_name: str = ""
    groups: tuple[str, ...] = ()
    made: list[Resource] = []

    @property
    def tags(self) -> dict[str, str]:
        """The machine's tags that name what was made for it."""
        words = {"key_pair": KEY_TAG, "security_group": GROUP_TAG}
        return {words[one.kind]: one.id for one in self.made if one.kind in words}


def login_to(ctx: Context, region: str, name: str, user: str) -> Login:
    """Return how a machine is logged in to from this computer; without a key of its own, by the user's keys."""
    folder = ctx.state / "keys" / ctx.account().name / region
    key = folder / name
    return Login(user=user, key_file=key if key.is_file() else None, known_hosts=folder / f"{name}.known_hosts")


def make_access(ctx: Context, plan: LaunchPlan, run: Run, access: Access) -> None:
    """Make what the plan does not name, and write it into ``access`` as it comes into being.

    Raises:
        CloudError: The account refused or failed.
    """
    access.key_name = plan.request.key_name or ctx.settings.launch.key_name or _import_key(ctx, plan, run, access)
    named = plan.request.security_groups or tuple(ctx.settings.launch.security_group_ids)
    access.groups = named or (_create_group(ctx, plan, run, access),)


def remove_machine(ctx: Context, machine: MachineState, run: Run | None = None) -> list[Resource]:
    """Terminate a machine; remove the key pair and security group that were made for it, and its key here.

    Args:
        ctx: The context.
        machine: As EC2 described it; its tags name what belongs to it.
        run: The run that started it, when it fails before the machine was handed over.

    Returns:
        What is gone. What could not be removed is said, and left to `reap` where the run's tag is on it still.
    """
    parts = [Resource("instance", machine.id, machine.region), *made_for(machine.tags, machine.region)]
    gone = remove_all(ctx, parts, run)
    if len(gone) == len(parts) and KEY_TAG in machine.tags:
        forget_key(ctx, machine.region, machine.tags.get(NAME_TAG, ""))
    return gone


def forget_key(ctx: Context, region: str, name: str) -> None:
    """Remove the key of a machine that is gone from this computer."""
    login = login_to(ctx, region, name, "")
    if login.key_file:
        for path in (login.key_file, login.key_file.with_name(f"{name}.pub"), login.known_hosts):
            path.unlink(missing_ok=True)


def hand_over(ctx: Context, run: Run, region: str) -> None:
    """Make the run's machine and what belongs to it stay: the run's tags go, and the journal lets go of them."""
    run.gone(*((one.kind, one.id) for one in ctx.account().machines(region).release(run.info.id)))


def _import_key(ctx: Context, plan: LaunchPlan, run: Run, access: Access) -> str:
    cloud, name = ctx.account().cloud(plan.resolution.region), plan.request.name
    place = ctx.state / "keys" / ctx.account().name / cloud.region / name
    public = ctx.make_key(_fresh(place), f"cws-build {name}")
    key = Resource("key_pair", f"cws-{name}-{run.info.id}"[-255:], cloud.region)
    run.intend(key.kind, key.id)
    cloud.import_key(key.id, public, run_tags(run) | {"Name": name, NAME_TAG: name})
    access.made.append(key)
    seen(ctx, run, key)
    return key.id


def _fresh(path: Path) -> Path:
    """Make room for a key; a name is one machine's in a region, so what lies there belongs to one that is gone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for beside in ("", ".pub", ".known_hosts"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    return path


def _create_group(ctx: Context, plan: LaunchPlan, run: Run, access: Access) -> str:
    settings, region = ctx.settings.launch, plan.resolution.region
    cloud, name = ctx.account().cloud(region), f"cws-{plan.request.name}-{run.info.id}"[-255:]
    subnet = plan.request.subnet or settings.subnet_id
    tags = run_tags(run) | {"Name": plan.request.name, NAME_TAG: plan.request.name}
    wanted = Group(name=name, subnet=subnet, ssh_cidr=settings.ssh_cidr, tags=tags)
    group = make_group(run, cloud, wanted)
    access.made.append(group)
    seen(ctx, run, group, name)
    ctx.account().machines(region).open_ports(group.id, plan.ports, settings.service_cidr)
    return group.id
