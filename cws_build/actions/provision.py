"""Run the layers that a machine lacks: the playbook of a bake, on a machine that was launched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from cws_build.actions.machine_access import login_to
from cws_build.actions.start_machine import ended
from cws_build.actions.watch_build import Watch
from cws_build.errors import CloudError, Interrupted, ProvisionFailed
from cws_build.model import task_failure
from cws_build.model.failures import explain
from cws_build.ports.machines import Playbook
from cws_build.render import Finishing, Target, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.model.launching import LaunchPlan
    from cws_build.ports import Outcome, Run
    from cws_build.ports.machines import MachineState


def provision(
    ctx: Context, plan: LaunchPlan, run: Run, machine: MachineState, *, secrets: Sequence[str] = ()
) -> dict[str, float]:
    """Run the plan's missing layers on a machine whose SSH answers.

    Afterwards the machine's own ``/var/lib/cws-build/recipe.json`` names all layers.

    Args:
        ctx: The context.
        plan: Which layers, beginning with `LaunchPlan.first_layer`.
        run: Its folder holds the workspace, the log and the task events.
        machine: Where.
        secrets: Texts of the template that must not be shown.

    Returns:
        Layer name -> seconds, of the layers that ran.

    Raises:
        ProvisionFailed: A layer failed; the message names layer, task and place.
        CloudError: The machine ended meanwhile.
        ToolMissing: Ansible is not there.
        Interrupted: ``ctx.cancel`` was set.
    """
    if plan.first_layer > len(plan.recipe.layers):
        return {}
    info = run.info
    login = login_to(ctx, machine.region, plan.request.name, plan.ssh_user)
    finishing = Finishing(
        recipe=plan.recipe, first_layer=plan.first_layer, target=Target(address=machine.address, login=login)
    )
    workspace = render(finishing, ctx.library, run.folder / "workspace")
    events = run.folder / "tasks.jsonl"
    events.unlink(missing_ok=True)  # an earlier machine's of the same run
    watch = Watch(ctx.emit, run, ctx.account().cloud(machine.region), demand_imdsv2=False)
    playbook = Playbook(
        workspace=workspace.folder,
        run=info.id,
        subject=info.subject,
        secrets=secrets,
        events=events,
        log=run.folder / "ansible.log",
    )
    outcome = ctx.ansible().play(playbook, watch, ctx.cancel)
    if outcome.code or outcome.interrupted or watch.failure:
        end = None if outcome.interrupted else _end_of(ctx, machine)
        if end:
            raise end
        _raise_failure(plan, run, watch, outcome)
    return watch.seconds


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
