"""The role sysprep on a machine that is about to become an image: what a bake does at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.await_ready import await_ssh
from cws_build.actions.machine_access import login_to
from cws_build.actions.start_machine import await_running
from cws_build.actions.watch_build import Watch
from cws_build.errors import InputError, Interrupted, ProvisionFailed
from cws_build.model import task_failure
from cws_build.model.events import Notice, StepFinished
from cws_build.model.failures import explain
from cws_build.model.machine_tags import NAME_TAG, SSH_USER_TAG
from cws_build.ports.machines import Playbook
from cws_build.render import Target, aim, render_sysprep

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports import Outcome, Run
    from cws_build.ports.machines import MachineState


def clean_machine(ctx: Context, run: Run, machine: MachineState, user: str) -> None:
    """Remove from a machine whatever belongs to this one machine: host keys, logins, logs, caches, identities.

    Nobody can log in to it afterwards until it has booted again, which is when EC2 brings its key back.

    Args:
        ctx: The context.
        run: Its folder holds the workspace and the log.
        machine: Where; it runs.
        user: Who may log in, where the machine's own tags do not say.

    Raises:
        InputError: The machine is stopped.
        CloudError: It does not answer.
        ProvisionFailed: The role failed, or nobody can log in.
        ToolMissing: Ansible is not there.
        Interrupted: ``ctx.cancel`` was set.
    """
    machine = _answering(ctx, run, machine)
    login = login_to(ctx, machine.region, machine.tags.get(NAME_TAG, ""), machine.tags.get(SSH_USER_TAG) or user)
    workspace = render_sysprep(ctx.library, run.folder / "workspace")
    aim(workspace, Target(address=machine.address, login=login))
    watch = Watch(ctx.emit, run, ctx.account().cloud(machine.region), demand_imdsv2=False)
    message = f"sysprep removes host keys, logins, logs and caches from {machine.id}"
    ctx.emit(Notice(run=run.info.id, message=message, hint="it has them again, new ones, when it has booted"))
    playbook = Playbook(
        workspace=workspace.folder,
        run=run.info.id,
        subject=run.info.subject,
        events=run.folder / "tasks.jsonl",
        log=run.folder / "ansible.log",
    )
    with ctx.ansible().begin(playbook, watch) as play:
        outcome = play.run(ctx.cancel)
    if outcome.code or outcome.interrupted or watch.failure:
        raise _failure(run, machine, watch, outcome)
    # Whoever kept its host key would be warned of an impostor at the next login.
    login.known_hosts.unlink(missing_ok=True)
    ctx.emit(StepFinished(run=run.info.id, title=f"prepared {machine.id} for imaging", seconds=outcome.seconds))


def _answering(ctx: Context, run: Run, machine: MachineState) -> MachineState:
    """Wait for a machine that boots, as after an earlier image of it."""
    if machine.state not in {"pending", "running"}:
        raise InputError(
            f"{machine.id} is {machine.state}, and --sysprep has to log in to it", hint="cws-build instances start"
        )
    machine = await_running(ctx, ctx.account().machines(machine.region), machine)
    await_ssh(ctx, run, machine)
    return machine


def _failure(run: Run, machine: MachineState, watch: Watch, outcome: Outcome) -> Interrupted | ProvisionFailed:
    if outcome.interrupted:
        return Interrupted(f"stopped while sysprep ran on {machine.id}; it may have lost its logins until it boots")
    log = str(run.folder / "ansible.log")
    if watch.failure:
        said = task_failure.sentence(watch.failure, f"sysprep of {machine.id}")
        hint = task_failure.known_hint(watch.failure) or f"its log: {log}"
        return ProvisionFailed(said, hint=hint, details={"log": log} | task_failure.details(watch.failure))
    known = explain(outcome.tail)
    said = known.cause if known else " ".join(outcome.tail[-2:]) or f"exit status {outcome.code}"
    return ProvisionFailed(
        f"sysprep could not run on {machine.id}: {said}",
        hint=known.hint if known else f"its log: {log}",
        details={"log": log, "output": "\n".join(outcome.tail[-20:])},
    )
