"""Run the layers that a machine lacks: the playbook of a bake, on a machine that is being launched."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import msgspec

from cws_build.actions.machine_access import login_to
from cws_build.actions.start_machine import ended
from cws_build.actions.watch_build import Watch
from cws_build.context import Context
from cws_build.errors import CloudError, Interrupted, ProvisionFailed
from cws_build.model import task_failure
from cws_build.model.failures import explain
from cws_build.model.launching import LaunchPlan
from cws_build.ports import Run
from cws_build.ports.machines import Play, Playbook
from cws_build.render import Finishing, Target, Workspace, aim, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cws_build.ports import Outcome
    from cws_build.ports.machines import MachineState


class Provisioning(msgspec.Struct, frozen=True, kw_only=True):
    """Layers that wait for their machine. Made by `provisioning`."""

    ctx: Context
    plan: LaunchPlan
    run: Run
    workspace: Workspace
    watch: Watch
    play: Play

    def run_on(self, machine: MachineState) -> dict[str, float]:
        """Run the plan's missing layers on a machine whose SSH answers.

        Afterwards the machine's own ``/var/lib/cws-build/recipe.json`` names all layers.

        Returns:
            Layer name -> seconds, of the layers that ran.

        Raises:
            ProvisionFailed: A layer failed; the message names layer, task and place.
            CloudError: The machine ended meanwhile.
            Interrupted: ``ctx.cancel`` was set.
        """
        ctx, plan = self.ctx, self.plan
        login = login_to(ctx, machine.region, plan.request.name, plan.ssh_user)
        aim(self.workspace, Target(address=machine.address, login=login))
        outcome = self.play.run(ctx.cancel)
        if outcome.code or outcome.interrupted or self.watch.failure:
            end = None if outcome.interrupted else _end_of(ctx, machine)
            if end:
                raise end
            _raise_failure(plan, self.run, self.watch, outcome)
        return self.watch.seconds


@contextmanager
def provisioning(ctx: Context, plan: LaunchPlan, run: Run, *, secrets: Sequence[str] = ()) -> Iterator[Provisioning]:
    """Render a plan's missing layers, and start Ansible, which is ready for them when the machine is.

    Args:
        ctx: The context.
        plan: Which layers, beginning with `LaunchPlan.first_layer`.
        run: Its folder holds the workspace, the log and the task events.
        secrets: Texts of the template that must not be shown.

    Raises:
        ToolMissing: Ansible is not there.
    """
    info = run.info
    finishing = Finishing(recipe=plan.recipe, first_layer=plan.first_layer, by_ssh=True)
    workspace = render(finishing, ctx.library, run.folder / "workspace")
    events = run.folder / "tasks.jsonl"
    events.unlink(missing_ok=True)  # an earlier machine's of the same run
    watch = Watch(ctx.emit, run, ctx.account().cloud(plan.resolution.region), demand_imdsv2=False)
    playbook = Playbook(
        workspace=workspace.folder,
        run=info.id,
        subject=info.subject,
        secrets=secrets,
        events=events,
        log=run.folder / "ansible.log",
    )
    with ctx.ansible().begin(playbook, watch) as play:
        yield Provisioning(ctx=ctx, plan=plan, run=run, workspace=workspace, watch=watch, play=play)


def _end_of(ctx: Context, machine: MachineState) -> CloudError | None:
    """Return that the machine has ended, where it has: then no layer is to blame."""
    try:
        states = ctx.account().machines(machine.region).describe([machine.id])
    except CloudError:  # what failed is known, and says more than this
        return None
    return next((ended(now) for now in states if now.state not in {"pending", "running"}), None)


def _raise_failure(plan: LaunchPlan, run: Run, watch: Watch, outcome: Outcome) -> NoReturn:
    name, template = plan.request.name, plan.recipe.template
    if outcome.interrupted:
        raise Interrupted(f"stopped while the layers of {template} were running on {name}")
    log = str(run.folder / "ansible.log")
    details: dict[str, object] = {"log": log, "run": run.info.id}
    look = f"`cws-build launch {template} {name} --on-failure keep` leaves the machine for a look"
    if plan.request.keep_on_failure:
        look = f"its log: {log}"
    if watch.failure:
        raise ProvisionFailed(
            task_failure.sentence(watch.failure, f"the launch of {name}"),
            hint=task_failure.known_hint(watch.failure) or look,
            details=details | task_failure.details(watch.failure),
        )
    known = explain(outcome.tail)
    said = known.cause if known else " ".join(outcome.tail[-2:]) or f"exit status {outcome.code}"
    raise ProvisionFailed(
        f"Ansible could not finish {name}: {said}",
        hint=known.hint if known else f"its log: {log}",
        details=details | {"output": "\n".join(outcome.tail[-20:])},
    )
