"""Have one of the programs in ``playbooks/`` look at a machine: it goes in by stdin, and prints one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.model.slimming import slim_python

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports.machines import Said


def script_of(ctx: Context, name: str, words: str = "") -> str:
    """Return the shell script that runs a program of ``playbooks/`` as root; ``words`` are its arguments, quoted."""
    program = slim_python(ctx.library.file("playbooks", name).read_text(encoding="utf-8"))
    given = f" {words}" if words else ""
    return f"sudo -n python3 -{given} <<'CWS_END'\n{program}\nCWS_END\n"


def reason_of(said: Said) -> str:
    """Return why a machine answered with no document: the last line that it printed, or its exit status."""
    return ((said.err or said.out).strip().splitlines()[-1:] or [f"exit status {said.code}"])[0]
