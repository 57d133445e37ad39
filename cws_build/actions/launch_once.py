"""One way of a launch, step by step: copy, start, ssh, missing layers, services, and the machine is handed over."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.await_ready import await_services, await_ssh
from cws_build.actions.copy_for_launch import begin_background_copy, copy_for_launch
from cws_build.actions.machine_access import hand_over, login_to
from cws_build.actions.provision import provisioning
from cws_build.actions.start_machine import start_machine
from cws_build.errors import CloudError, StoreError
from cws_build.model.events import Notice
from cws_build.model.known_content import known_tags
from cws_build.model.launch_events import LaunchStarted
from cws_build.model.launching import LaunchPlan, LaunchResult, ServiceState
from cws_build.ports import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cws_build.context import Context
    from cws_build.ports.machines import MachineState

    RunLayers = Callable[[MachineState], dict[str, float]]
    """Runs layers on a machine; layer name -> seconds."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One way that is being tried."""

    plan: LaunchPlan
    run: Run
    began: float
    """``time.monotonic`` when the command began."""
    secrets: tuple[str, ...] = ()
    """Texts of the template that must not be shown."""
    fell_back: str = ""
    """Why the way before this one failed."""


class Phases:
    """Seconds of each phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, phase: str) -> Iterator[None]:
        """Measure a phase, also one that fails."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = time.monotonic() - began


def launch_once(ctx: Context, trial: Trial) -> LaunchResult:
    """Go one way to its end, where the machine is handed over: from then on it is nobody's to reap.

    Raises:
        CloudError: The account refused or failed, the machine ended, or does not answer.
        ProvisionFailed: A layer failed, or a service does not answer.
        Interrupted: ``ctx.cancel`` was set.
    """
    phases = Phases()
    _say_start(ctx, trial)
    planned = _with_copy(ctx, trial, phases)
    _begin_background_copy(ctx, trial)
    with _layers_of(ctx, planned, trial) as run_layers:
        with phases.of("start"):
            machine = start_machine(ctx, planned, trial.run, user_data=_user_data(ctx, planned))
        if planned.request.transport == "ssh" and (planned.missing_layers or planned.request.wait):
            with phases.of("ssh"):
                await_ssh(ctx, trial.run, machine)
        if run_layers:
            with phases.of("layers"):
                spent = run_layers(machine)
            phases.seconds.update({f"layer:{name}": seconds for name, seconds in spent.items()})
    services = _services(ctx, planned, trial, machine, phases)
    ready_at = ctx.clock().isoformat(timespec="milliseconds")
    hand_over(ctx, trial.run, machine.region)
    phases.seconds["total"] = time.monotonic() - trial.began
    if planned.request.wait:
        _mark_known(ctx, trial.run, machine, known_tags(planned, planned.start, ready_at))
    return LaunchResult(
        plan=trial.plan,
        instance_id=machine.id,
        name=planned.request.name,
        address=machine.address,
        instance_type=machine.instance_type,
        ami_id=machine.image,
        ready_seconds=phases.seconds["total"] if planned.request.wait else None,
        provisioned_layers=planned.missing_layers,
        services=services,
        seconds=phases.seconds,
        fell_back=trial.fell_back,
        run=trial.run.info.id,
    )


def _mark_known(ctx: Context, run: Run, machine: MachineState, tags: dict[str, str]) -> None:
    """Write on a machine what it holds, by which an image of it can count as its recipe's; it is ready already."""
    try:
        if tags:
            ctx.account().cloud(machine.region).tag([machine.id], tags)
    except CloudError as error:
        message = f"what {machine.id} holds could not be written on it: {error.message}"
        hint = "images that are made of it will count as modified"
        ctx.emit(Notice(run=run.info.id, message=message, level="warning", hint=hint))


def _say_start(ctx: Context, trial: Trial) -> None:
    plan = trial.plan
    background = plan.background_copy.source_region if plan.background_copy else ""
    event = LaunchStarted(run=trial.run.info.id, way=plan.way, layers=plan.missing_layers, background_copy=background)
    ctx.emit(event)


def _with_copy(ctx: Context, trial: Trial, phases: Phases) -> LaunchPlan:
    """Return the plan with an image of its own region to start from."""
    plan = trial.plan
    if plan.copy is None:
        return plan
    with phases.of("copy"):
        return msgspec.structs.replace(plan, start=copy_for_launch(ctx, plan.copy, trial.run))


def _begin_background_copy(ctx: Context, trial: Trial) -> None:
    """Begin the copy for the next launch; this one goes on whatever becomes of it."""
    step = trial.plan.background_copy
    if step is None:
        return
    try:
        begin_background_copy(ctx, step, trial.run)
    except (CloudError, StoreError) as error:
        message = f"the copy for the next launch could not be begun: {error.message}"
        ctx.emit(Notice(run=trial.run.info.id, message=message, level="warning", hint=error.hint))


def _user_data(ctx: Context, plan: LaunchPlan) -> bytes:
    if plan.request.transport == "ssh":
        return b""
    from cws_build.actions.user_data import user_data_for

    return user_data_for(ctx, plan)


@contextmanager
def _layers_of(ctx: Context, plan: LaunchPlan, trial: Trial) -> Iterator[RunLayers | None]:
    """Make ready what sees the missing layers through, which must be over before a machine is handed over.

    By SSH they run with and without waiting. By user data the machine runs them itself; without waiting it is left to.
    """
    if not plan.missing_layers:
        yield None
    elif plan.request.transport == "ssh":
        with provisioning(ctx, plan, trial.run, secrets=trial.secrets) as ready:
            yield ready.run_on
    else:
        from cws_build.actions.user_data import await_user_data

        yield (lambda machine: await_user_data(ctx, trial.run, machine, plan)) if plan.request.wait else None


def _services(
    ctx: Context, plan: LaunchPlan, trial: Trial, machine: MachineState, phases: Phases
) -> tuple[ServiceState, ...]:
    """Wait for the services; of a machine that may be out of reach, tell what can be seen from here."""
    if not plan.request.wait:
        return tuple(ServiceState(name=name, port=port, ready=False) for name, port in plan.services)
    if plan.request.transport == "user-data":
        knocks = [(name, port, ctx.probe.port(machine.address, port)) for name, port in plan.services]
        return tuple(ServiceState(name=name, port=port, ready=ready) for name, port, ready in knocks)
    login = login_to(ctx, machine.region, plan.request.name, plan.ssh_user)
    with phases.of("services"):
        return await_services(ctx, trial.run, machine, plan.services, login)
