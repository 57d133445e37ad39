"""Start a machine, taking the next best where what was asked for is not to be had."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.machine_access import Access, forget_key, make_access
from cws_build.actions.run_resources import remove_all, run_tags, seen
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, LimitExceeded, ResourceNotFound
from cws_build.model.capacity import NO_CAPACITY, Ladder, Rung
from cws_build.model.events import Notice, StepFinished
from cws_build.model.image import Resource
from cws_build.model.machine_tags import machine_tags
from cws_build.ports.machines import MachineOrder

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.launching import LaunchPlan
    from cws_build.ports import Run
    from cws_build.ports.machines import Machines, MachineState


class Attempt(msgspec.Struct, frozen=True):
    """A request that EC2 refused."""

    rung: Rung
    aws_code: str
    message: str


def start_machine(ctx: Context, plan: LaunchPlan, run: Run, *, user_data: bytes = b"") -> MachineState:
    """Start the machine of a plan, and wait until it runs and has an address.

    Where capacity or a quota is lacking, the answer decides what is asked for next, and each step is said. On
    failure nothing is left: neither a machine, nor its key pair, nor its security group.

    Args:
        ctx: The context.
        plan: What to start; `LaunchPlan.start` must be an image of the plan's region.
        run: Its journal learns of everything before it is asked for.
        user_data: What the machine runs at its first boot; see `cws_build.actions.user_data`.

    Returns:
        The machine, running.

    Raises:
        ResourceNotFound: The image is gone, or was never there; another one may do.
        LimitExceeded: No capacity, or no quota, for any type of the plan.
        CloudError: The account refused or failed, or the machine ended before it ran.
        Interrupted: ``ctx.cancel`` was set.
    """
    began = time.monotonic()
    access = Access()
    try:
        make_access(ctx, plan, run, access)
        machine = _climb(ctx, plan, run, (access, _order(ctx, plan, run, access, user_data)))
    except BaseException:
        order = ("instance", "security_group", "key_pair")
        gone = remove_all(ctx, sorted(access.made, key=lambda one: order.index(one.kind)), run)
        if any(one.kind == "key_pair" for one in gone):
            forget_key(ctx, plan.resolution.region, plan.request.name)
        raise
    outcome = f"{machine.id}, {machine.instance_type} in {machine.zone or machine.region}, {machine.address}"
    _say(ctx, run, StepFinished(title="machine running", outcome=outcome, seconds=time.monotonic() - began))
    return machine


def _order(ctx: Context, plan: LaunchPlan, run: Run, access: Access, user_data: bytes) -> MachineOrder:
    """Return the request without what the ladder decides."""
    settings, request, start = ctx.settings.launch, plan.request, plan.start
    if start is None:
        raise ResourceNotFound(f"there is no image to start {request.name} from in {plan.resolution.region}")
    return MachineOrder(
        token="",
        image=start.id,
        instance_type="",
        key_name=access.key_name,
        subnet=request.subnet or settings.subnet_id,
        security_groups=access.groups,
        instance_profile=request.instance_profile or settings.instance_profile,
        root_device=start.root_device,
        volume_gb=max(plan.volume_gb, start.volume_gb) if plan.volume_gb else 0,
        user_data=user_data,
        tags=settings.tags | machine_tags(plan) | access.tags | run_tags(run),
    )


def _climb(ctx: Context, plan: LaunchPlan, run: Run, asked: tuple[Access, MachineOrder]) -> MachineState:
    access, order = asked
    machines = ctx.account().machines(plan.resolution.region)
    spot = plan.request.spot or ctx.settings.launch.spot
    ladder = Ladder(plan.instance_types, (lambda _type: []) if order.subnet else machines.zones, spot=spot)
    refused: list[Attempt] = []
    while True:
        try:
            return _try(ctx, run, machines, (access, _of_rung(order, run, ladder.rung)))
        except CloudError as error:
            code = str(error.details.get("aws_code", ""))
            if code.startswith("InvalidAMIID"):
                raise ResourceNotFound(error.message, hint=error.hint, details=error.details) from error
            refused.append(Attempt(ladder.rung, code, error.message))
            step = ladder.step(code, error.message)
            if not step:
                raise _no_more(plan, refused, error) from error
            _say(ctx, run, Notice(message=step))


def _of_rung(order: MachineOrder, run: Run, rung: Rung) -> MachineOrder:
    # The same token would give a machine of an earlier step again, even one that has ended.
    token = f"{run.info.id[-50:]}-{secrets.token_hex(4)}"
    return msgspec.structs.replace(order, token=token, instance_type=rung.instance_type, zone=rung.zone, spot=rung.spot)


def _try(ctx: Context, run: Run, machines: Machines, asked: tuple[Access, MachineOrder]) -> MachineState:
    """Make one request, and see the machine run."""
    access, order = asked
    run.intend("instance", order.token)
    try:
        machine = machines.run(order)
    except CloudError as error:
        # Without an answer of EC2's it may exist all the same, and its tags will tell.
        if error.details.get("aws_code"):
            run.gone(("instance", order.token))
        raise
    resource = Resource("instance", machine.id, machines.region)
    access.made.append(resource)
    seen(ctx, run, resource, order.token)
    try:
        return await_running(ctx, machines, machine)
    except CloudError:
        remove_all(ctx, [resource], run)
        access.made.remove(resource)
        raise


def await_running(ctx: Context, machines: Machines, machine: MachineState) -> MachineState:
    """Return a machine that is being started as it is when it runs and has an address.

    Raises:
        CloudError: It has ended, or does not come to run.
        Interrupted: ``ctx.cancel`` was set.
    """
    wait = Wait(ctx, minutes=ctx.settings.launch.ready_minutes)
    now = machine
    while not (now.state == "running" and now.address):
        if now.state not in {"pending", "running"}:
            raise ended(now)
        if not wait.pause():
            raise CloudError(
                f"{machine.id} is still {now.state} after {ctx.settings.launch.ready_minutes:g} minutes",
                hint="look at it in the AWS console, or raise [launch] ready_minutes",
            )
        # A machine that was just started may not be known everywhere yet.
        now = next(iter(machines.describe([machine.id])), machine)
    return now


_ENDS = {
    "Client.InternalError": "mostly a disk's KMS key that may not be used: the account needs a grant on it",
    "Client.UserInitiatedShutdown": "somebody ended it, which CloudTrail's TerminateInstances tells; start it again",
    "Client.InstanceInitiatedShutdown": "it was shut down from within: look at its console, then start it again",
    "Server.SpotInstanceTermination": "AWS took the spot capacity back: launch it without --spot",
}
"""AWS's codes for the end of a machine, and what to do about each."""


def ended(machine: MachineState) -> CloudError:
    """Return the error that a machine ended by itself, with AWS's reason."""
    code = NO_CAPACITY if NO_CAPACITY in machine.reason else "MachineEnded"
    kind = LimitExceeded if code == NO_CAPACITY else CloudError
    return kind(
        f"{machine.id} is {machine.state}: {machine.reason or 'AWS gives no reason'}",
        hint=next((hint for word, hint in _ENDS.items() if word in machine.reason), "start it again"),
        details={"aws_code": code, "instance_id": machine.id},
    )


def _no_more(plan: LaunchPlan, refused: list[Attempt], last: CloudError) -> CloudError:
    """Return the last refusal, or all of them in one sentence."""
    if len(refused) < 2:  # noqa: PLR2004  one request, one answer
        return last
    codes = ", ".join(dict.fromkeys(attempt.aws_code for attempt in refused))
    types = ", ".join(dict.fromkeys(attempt.rung.instance_type for attempt in refused))
    zones = ", ".join(dict.fromkeys(attempt.rung.zone for attempt in refused if attempt.rung.zone))
    details = {"aws_code": refused[-1].aws_code, "tried": msgspec.to_builtins(refused)}
    return LimitExceeded(
        f"no machine for {plan.request.name} is to be had in {plan.resolution.region}: {codes}"
        f" for {types}{f' (also asked for in {zones})' if zones else ''}",
        hint=last.hint or "another --region or --instance-type, or the same again later",
        details=details,
    )


def _say(ctx: Context, run: Run, event: Notice | StepFinished) -> None:
    ctx.emit(msgspec.structs.replace(event, run=run.info.id, subject=run.info.subject))
