"""Ask of a machine what its template's ``validation`` list demands: each command, and what it must come to."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from cws_build.model.booting import Validated
from cws_build.model.events import StepFinished
from cws_build.model.scrub import Scrubber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.actions.await_within import Reached
    from cws_build.context import Context
    from cws_build.model.template_parts import ValidationStep
    from cws_build.ports import Run
    from cws_build.ports.machines import Said

_SECONDS = 300.0
"""How long one command may take."""
_BOOTED = 60
"""Seconds that the rest of the boot may take before commands are run all the same."""
_LAST_LINES, _LONGEST = 20, 4000
_NO_LOGIN = 255


def validate_machine(
    ctx: Context, reached: Reached, run: Run, steps: Sequence[ValidationStep], secrets: Sequence[str]
) -> tuple[Validated, ...]:
    """Run every step in order, whatever becomes of the others.

    Args:
        ctx: The context.
        reached: The machine.
        run: Whose events tell of each step that holds.
        steps: The template's.
        secrets: Texts of the template that must not be shown.

    Raises:
        Interrupted: ``ctx.cancel`` was set.
    """
    if not steps:
        return ()
    # A command may ask for what a unit without a port brings, and that unit may still be starting.
    reached.run(ctx, f"timeout {_BOOTED} systemctl is-system-running --wait", _BOOTED + 10.0)
    scrub = Scrubber(secrets)
    done = []
    for step in steps:
        one = _validated(step, reached, ctx, scrub)
        if one.ok:
            info = run.info
            ctx.emit(
                StepFinished(
                    run=info.id, subject=info.subject, title="validated", outcome=one.name, seconds=one.seconds
                )
            )
        done.append(one)
    return tuple(done)


def _validated(step: ValidationStep, reached: Reached, ctx: Context, scrub: Scrubber) -> Validated:
    began = time.monotonic()
    said = reached.run(ctx, _as_root(step.command), _SECONDS)
    seconds, reason = time.monotonic() - began, _objection(step, said)
    return Validated(
        name=scrub(step.name),
        ok=not reason,
        seconds=seconds,
        reason=scrub(reason),
        output=last_lines(scrub("\n".join(filter(None, (said.out, said.err))))) if reason else "",
    )


def _as_root(command: str) -> str:
    """Return a command as root runs it in a login shell, as `post_install` was run; as the user, where sudo is not."""
    shell = f"bash -lc {shlex.quote(command)}"
    return f"if sudo -n true 2>/dev/null; then exec sudo -n -H {shell}; else exec {shell}; fi"


def last_lines(text: str) -> str:
    """Return as much of the end of an output as is kept."""
    return "\n".join(text.strip().splitlines()[-_LAST_LINES:])[-_LONGEST:]


def _objection(step: ValidationStep, said: Said) -> str:
    """Return why a step does not hold; empty where it does."""
    if said.ended:
        return f"it did not end within {_SECONDS:.0f} s"
    if said.code == _NO_LOGIN:
        return f"it could not be run: {' '.join(said.err.split()) or 'SSH lost the machine'}"
    if step.contains is not None:
        there = step.contains in said.out or step.contains in said.err
        return "" if there else f"its output does not contain '{step.contains}'"
    if step.equals is not None:
        out = said.out.strip()
        return "" if out == step.equals.strip() else f"its output is '{_short(out)}' instead of '{step.equals}'"
    if step.success is False:
        return "" if said.code else "it ended with 0, and was to fail"
    return f"it ended with {said.code}" if said.code else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:100]} …"  # noqa: PLR2004  what a sentence bears
