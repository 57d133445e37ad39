"""What was launched, found again by its tags: list, find, stop, start, terminate, and how to log in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.await_ready import await_services, await_ssh
from cws_build.actions.machine_access import login_to, remove_machine
from cws_build.actions.start_machine import ended
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, InputError
from cws_build.model.image import ARCHITECTURE_TAG, DIGEST_TAG, RUN_TAG, TEMPLATE_TAG
from cws_build.model.launching import Instance
from cws_build.model.machine_tags import NAME_TAG, SSH_USER_TAG, WAY_TAG, services_of
from cws_build.model.problem import did_you_mean

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.image import Resource
    from cws_build.ports.machines import MachineState


def list_instances(ctx: Context, region: str = "") -> list[Instance]:
    """Return every machine that was launched, by name, whichever computer launched it.

    Args:
        ctx: The context.
        region: This region alone; empty for the default one and those that this computer has launched in.

    Raises:
        CloudError: The account cannot be asked.
    """
    found = [machine for one in known_regions(ctx, region) for machine in _machines(ctx, one, "")]
    return sorted((instance_of(ctx, machine) for machine in found), key=lambda one: (one.name, one.region))


def find_instance(ctx: Context, name: str, region: str = "") -> Instance:
    """Return a machine by its name.

    Raises:
        InputError: No machine has this name, or several have it.
        CloudError: The account cannot be asked.
    """
    return instance_of(ctx, _find(ctx, name, region))


def stop_instance(ctx: Context, name: str, region: str = "") -> Instance:
    """Stop a machine and wait until it is stopped; its disk stays, and costs."""
    machine = _find(ctx, name, region)
    ctx.account().machines(machine.region).stop(machine.id)
    return instance_of(ctx, _await(ctx, machine, "stopped"))


def start_instance(ctx: Context, name: str, region: str = "", *, wait: bool = True) -> Instance:
    """Start a stopped machine and wait until its services answer; its public address is another one afterwards.

    Args:
        ctx: The context.
        name: The machine's.
        region: Its region; empty to look where machines were launched.
        wait: Wait for SSH and services; without, until it runs.

    Raises:
        InputError: No machine has this name, or several have it.
        CloudError: It cannot be started, or has ended.
        ProvisionFailed: A service does not answer; the message names it.
    """
    machine = _find(ctx, name, region)
    ctx.account().machines(machine.region).start(machine.id)
    started = _await(ctx, machine, "running")
    found = instance_of(ctx, started)
    if wait and found.services:
        await_ssh(ctx, None, started)
        await_services(ctx, None, started, found.services, login_to(ctx, found.region, found.name, found.ssh_user))
    return found


def terminate_instance(ctx: Context, name: str, region: str = "") -> list[Resource]:
    """Terminate a machine, and remove what was made for it alone: key pair, security group, the key kept here.

    Raises:
        InputError: No machine has this name, or several have it.
        CloudError: Something of it could not be removed; the message names it.
    """
    machine = _find(ctx, name, region)
    gone = remove_machine(ctx, machine)
    if machine.id not in {one.id for one in gone}:
        raise CloudError(f"{name} ({machine.id}) could not be terminated", hint="the same again in a minute")
    return gone


def instance_of(ctx: Context, machine: MachineState) -> Instance:
    """Return a machine as its own tags tell of it."""
    tags = machine.tags
    name, user = tags.get(NAME_TAG, ""), tags.get(SSH_USER_TAG, "")
    key = login_to(ctx, machine.region, name, user).key_file
    price = None if ctx.sandbox else ctx.plugins().hourly_price(machine.instance_type, machine.region, ctx.emit)
    return Instance(
        name=name,
        instance_id=machine.id,
        region=machine.region,
        state=machine.state,
        template=tags.get(TEMPLATE_TAG, ""),
        instance_type=machine.instance_type,
        architecture=tags.get(ARCHITECTURE_TAG, machine.architecture),
        address=machine.address,
        ami_id=machine.image,
        launched=machine.launched,
        ssh_user=user,
        way=tags.get(WAY_TAG, ""),
        digest=tags.get(DIGEST_TAG, ""),
        usd_hour=price.usd_hour if price else None,
        services=services_of(tags),
        key_file=str(key) if key else "",
        ready=RUN_TAG not in tags,
    )


def ssh_command(ctx: Context, instance: Instance) -> list[str]:
    """Return the ssh command that logs in to a machine from here.

    Raises:
        InputError: The machine does not run, or has no address.
    """
    if instance.state != "running" or not instance.address:
        raise InputError(f"{instance.name} is {instance.state}", hint=f"cws-build instances start {instance.name}")
    login = login_to(ctx, instance.region, instance.name, instance.ssh_user)
    return ["ssh", *login.options, f"{login.user}@{instance.address}"]


def _find(ctx: Context, name: str, region: str) -> MachineState:
    found = [machine for one in known_regions(ctx, region) for machine in _machines(ctx, one, name)]
    living = [machine for machine in found if machine.state != "shutting-down"]
    if len(living) == 1:
        return living[0]
    if living:
        places = ", ".join(f"{machine.id} in {machine.region}" for machine in living)
        raise InputError(f"several machines are called {name}: {places}", hint="--region says which one is meant")
    known = sorted({one.name for one in list_instances(ctx, region)})
    nearest = did_you_mean(name, known)
    raise InputError(
        f"no machine is called {name} in {', '.join(known_regions(ctx, region))}",
        hint=nearest or "cws-build instances list; another region: --region",
    )


def _machines(ctx: Context, region: str, name: str) -> list[MachineState]:
    return ctx.account().machines(region).tagged({NAME_TAG: name})


def known_regions(ctx: Context, region: str = "") -> list[str]:
    """Return where to look for machines: the region that was named, else the default one and all launched in here."""
    if region:
        return [region]
    account = ctx.account()
    mine = [run.info for run in ctx.runs.past() if run.info.account == account.name]
    return sorted({account.region, *(info.region for info in mine if info.verb == "launch")})


def _await(ctx: Context, machine: MachineState, state: str) -> MachineState:
    wait = Wait(ctx, minutes=ctx.settings.launch.ready_minutes)
    while True:
        now = next(iter(ctx.account().machines(machine.region).describe([machine.id])), machine)
        if now.state == state and (now.address or state == "stopped"):
            return now
        if now.state in {"terminated", "shutting-down"}:
            raise ended(now)
        if not wait.pause():
            raise CloudError(f"{machine.id} is still {now.state}", hint="cws-build instances list shows its state")
