"""Look on a machine for what has changed since its launch was over: the evidence that an image of it is its recipe's.

One command over SSH, while the machine runs as people have left it: before it is stopped, and before sysprep, which
changes more than anybody.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.ask_machine import reason_of, script_of
from cws_build.actions.machine_access import login_to
from cws_build.actions.start_machine import await_running
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, CwsError, Interrupted
from cws_build.model.events import Notice, StepFinished
from cws_build.model.known_content import READY_TAG, Changes
from cws_build.model.machine_tags import NAME_TAG, SSH_USER_TAG
from cws_build.model.self_written import patterns

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.known_content import Content
    from cws_build.ports.machines import MachineState, Said

_MARGIN = 2.0
"""Seconds before the end of the launch from when changes count: clocks that are kept well differ by less."""
_LIMIT = 300.0
"""Seconds by which a machine's clock may differ; AWS refuses the calls of a computer that is further off itself."""
_MOST = 20
"""Paths that are named."""
_PATIENCE = 0.5
"""Minutes that a machine has to answer, such as one that boots after an earlier image of it."""
_RUNS = {"pending", "running"}


class _Told(msgspec.Struct):
    """What `playbooks/changes.py` prints."""

    count: int = 0
    paths: tuple[str, ...] = ()
    now: float = 0.0
    unsure: str = ""


def find_changes(ctx: Context, machine: MachineState, content: Content, user: str) -> Changes:
    """Tell what has changed on a machine since its launch; why not, where nobody can tell.

    Where nothing has, the machine's tag moves to this moment: what the look itself leaves behind, such as sudo's mark
    in a home, is none of the changes that the next look is for.

    Args:
        ctx: The context.
        machine: Where; it may be stopped.
        content: What its launch has left.
        user: Who may log in, where the machine's own tags do not say.

    Raises:
        Interrupted: ``ctx.cancel`` was set.
    """
    if machine.state not in _RUNS:
        return Changes(unknown=f"it is {machine.state}, and nobody can look into it")
    began = ctx.clock()
    try:
        machine = await_running(ctx, ctx.account().machines(machine.region), machine)
        said = _ask(ctx, machine, content, user)
    except CloudError as error:
        return Changes(unknown=error.message)
    if said is None:
        return Changes(unknown="its SSH does not answer")
    if said.ended:
        raise Interrupted(f"stopped while {machine.id} was looked at; nothing was changed")
    found = _read(said)
    if found.unsure:
        return Changes(unknown=found.unsure)
    changes = Changes(count=found.count, paths=found.paths)
    if changes.none:
        mark_ready(ctx, machine, datetime.fromtimestamp(found.now, tz=began.tzinfo))
    outcome = f"{found.count} changes since its launch" if found.count else "unchanged since its launch"
    seconds = (ctx.clock() - began).total_seconds()
    ctx.emit(StepFinished(title=f"looked at the files of {machine.id}", outcome=outcome, seconds=seconds))
    return changes


def mark_ready(ctx: Context, machine: MachineState, at: datetime) -> None:
    """Write down that a machine is known to be unchanged up to a moment; without it the next look finds more."""
    try:
        ctx.account().cloud(machine.region).tag([machine.id], {READY_TAG: at.isoformat(timespec="milliseconds")})
    except CwsError as error:
        message = f"{READY_TAG} of {machine.id} could not be moved: {error.message}"
        ctx.emit(Notice(message=message, level="warning", hint="the next image of it will count as modified"))


def after_sysprep(ctx: Context, machine: MachineState) -> None:
    """Make sysprep's own changes count as none: nobody can log in until the machine has booted again."""
    mark_ready(ctx, machine, ctx.clock() + timedelta(seconds=_MARGIN))


def _ask(ctx: Context, machine: MachineState, content: Content, user: str) -> Said | None:
    """Run the program; None where the machine does not answer."""
    wait = Wait(ctx, minutes=_PATIENCE, longest=1.0, what=f"SSH of {machine.id}")
    while not ctx.probe.ssh(machine.address):
        if not wait.pause():
            return None
    asked = {
        "ready": datetime.fromisoformat(content.ready_at).timestamp(),
        "now": ctx.clock().timestamp(),
        "margin": _MARGIN,
        "limit": _LIMIT,
        "most": _MOST,
        "always": patterns("always"),
        "logins": patterns("logins"),
        "first_boot": patterns("first_boot"),
    }
    document = shlex.quote(msgspec.json.encode(asked).decode())
    script = script_of(ctx, "changes.py", f'"$HOME" "$(stat -c %.9Z "$HOME")" {document}')
    login = login_to(ctx, machine.region, machine.tags.get(NAME_TAG, ""), machine.tags.get(SSH_USER_TAG) or user)
    return ctx.probe.run(machine.address, login, script, ctx.cancel)


def _read(said: Said) -> _Told:
    """Return what a machine said; anything but the document is why nothing is known."""
    try:
        return msgspec.json.decode(said.out, type=_Told)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Told(unsure=f"nobody can look into it: {reason_of(said)}")
