"""Try an image: start a machine of it, wait until it answers, ask what its template demands, and remove it again."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.await_ready import await_ssh
from cws_build.actions.await_within import Reached, await_login, await_within
from cws_build.actions.boot_plan import BootRequest, boot_plan, within
from cws_build.actions.launch_once import Phases
from cws_build.actions.machine_access import login_to, remove_machine
from cws_build.actions.new_run import new_run
from cws_build.actions.reap import sweep
from cws_build.actions.start_machine import start_machine
from cws_build.actions.take_inventory import take_inventory
from cws_build.actions.take_pending import take_pending
from cws_build.actions.validate_machine import last_lines, validate_machine
from cws_build.errors import CloudError, CwsError, ProvisionFailed, ToolError
from cws_build.model.booting import Boot, PendingCount
from cws_build.model.events import StepFinished
from cws_build.model.scrub import Scrubber

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports import Run, RunInfo
    from cws_build.ports.machines import MachineState

_IMAGES_FAULT = ("", "MachineEnded")
"""The codes of what a machine does by itself; any other is EC2's answer to a call."""


def boot_ami(ctx: Context, request: BootRequest) -> Boot:
    """Try an image in a run of its own, of which nothing is left, whatever happens.

    An image that does not come up, and a validation that does not hold, are answers and not errors.

    Raises:
        CloudError: The account refused or failed.
        Interrupted: ``ctx.cancel`` was set; nothing is left running.
    """
    with ctx.runs.begin(_info(ctx, request)) as run:
        try:
            boot = boot_within(ctx, request, run, look=True)
        except BaseException as error:
            sweep(ctx, run)
            with suppress(ToolError):  # a disk that is full is known by now, and reap closes the run
                run.finish(error.code if isinstance(error, CwsError) else "failed")
            raise
        sweep(ctx, run)
        run.finish("done", boot)
        return boot


def boot_within(ctx: Context, request: BootRequest, run: Run, *, look: bool = False) -> Boot:
    """Try an image as a part of a run that removes what is left of it; raises as `boot_ami` does.

    A machine that failed runs on where the request keeps it.

    Args:
        ctx: The context.
        request: The image, and what to start.
        run: The run.
        look: Ask a machine that passes which updates are pending, which takes its package manager some seconds.
    """
    trial = _Trial(ctx, request, run, look=look)
    with trial.phases.of("total"):
        boot = trial.boot()
    boot = msgspec.structs.replace(boot, seconds=trial.phases.seconds)
    if boot.ok:
        title, info = f"booted in {boot.ready_seconds:.1f} s", run.info
        ctx.emit(StepFinished(run=info.id, subject=info.subject, title=title, outcome=boot.outcome))
    return boot


class _Trial:
    """One machine, from its start to its end."""

    def __init__(self, ctx: Context, request: BootRequest, run: Run, *, look: bool) -> None:
        self._whole, self._ctx, self._look = ctx, within(ctx, request, run), look
        self._request, self._run = request, run
        plan = self._plan = boot_plan(request)
        self._machine: MachineState | None = None
        self._boot = Boot(
            ok=False,
            ready_seconds=None,
            ami_id=request.ami.id,
            region=request.ami.region,
            instance_type=plan.instance_types[0],
            predicted=request.predicted,
            run=run.info.id,
        )
        self.phases = Phases()

    def boot(self) -> Boot:
        """Try it, and remove the machine unless it is to be looked at."""
        try:
            try:
                self._come_up()
            except (CloudError, ProvisionFailed) as error:
                self._boot = self._failed(error)
        except BaseException:
            self._remove()
            raise
        if self._machine and self._request.keep and not self._boot.ok:
            return msgspec.structs.replace(self._boot, kept=self._way_in(self._machine))
        self._remove()
        return self._boot

    def _come_up(self) -> None:
        ctx, plan, run, began = self._ctx, self._plan, self._run, time.monotonic()
        with self.phases.of("start"):
            machine = start_machine(ctx, plan, run)
        if self._request.network.private:
            machine = msgspec.structs.replace(machine, address=machine.private_address or machine.address)
        self._machine = machine
        self._boot = msgspec.structs.replace(self._boot, instance_type=machine.instance_type)
        reached = Reached(machine=machine, login=login_to(ctx, machine.region, plan.request.name, plan.ssh_user))
        with self.phases.of("ssh"):
            await_ssh(ctx, run, machine)
            await_login(ctx, reached)
        with self.phases.of("services"):
            services = await_within(ctx, reached, run, plan.services)
        ready = time.monotonic() - began
        self._boot = msgspec.structs.replace(self._boot, services=services, ready_seconds=ready)
        self._validate(reached)
        if self._boot.ok:
            with self.phases.of("inventory"):
                take_inventory(self._whole, machine, reached.login)
            self._take_pending(reached)

    def _take_pending(self, reached: Reached) -> None:
        if not self._look:
            return
        with self.phases.of("pending"):
            found = take_pending(self._whole, reached, self._request.ami)
        if found:
            count = PendingCount(total=len(found.packages), security=len(found.security))
            self._boot = msgspec.structs.replace(self._boot, pending=count)

    def _validate(self, reached: Reached) -> None:
        compiled = self._request.compiled
        with self.phases.of("validation"):
            done = validate_machine(self._ctx, reached, self._run, compiled.template.validation, compiled.secrets)
        broken = next((one for one in done if not one.ok), None)
        self._boot = msgspec.structs.replace(self._boot, ok=broken is None, validation=done)
        if broken:
            self._boot = msgspec.structs.replace(
                self._boot,
                failed=f"validation {broken.name}",
                error=f"the validation '{broken.name}' does not hold: {broken.reason}",
                hint="the command stands under validation: in the template",
                output=broken.output,
            )

    def _failed(self, error: CloudError | ProvisionFailed) -> Boot:
        """Return the answer that the image does not come up; raise what says nothing of the image."""
        if "instance_id" not in error.details or error.details.get("aws_code", "") not in _IMAGES_FAULT:
            raise error
        service = str(error.details.get("service", ""))
        scrub = Scrubber(self._request.compiled.secrets)
        return msgspec.structs.replace(
            self._boot,
            failed=f"service {service}" if service else "boot",
            error=scrub(error.message),
            hint=error.hint,
            output=last_lines(scrub(str(error.details.get("output", "")))),
        )

    def _way_in(self, machine: MachineState) -> str:
        login = login_to(self._ctx, machine.region, self._plan.request.name, self._plan.ssh_user)
        return f"ssh -i {login.key_file} {login.user}@{machine.address}"

    def _remove(self) -> None:
        if self._machine is not None:
            with self.phases.of("removal"):
                remove_machine(self._ctx, self._machine, self._run)


def _info(ctx: Context, request: BootRequest) -> RunInfo:
    recipe, region = request.compiled.recipe, request.ami.region
    run = new_run(ctx, "boot", f"{recipe.template} {recipe.architecture} {region}", region)
    return msgspec.structs.replace(run, digest=recipe.digest)
