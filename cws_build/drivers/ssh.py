"""SSH keys, made by OpenSSH's own tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.drivers import process
from cws_build.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path


def make_key(path: Path, comment: str) -> str:
    """See `cws_build.ports.KeyMaker`; raises ToolMissing without ssh-keygen, ToolError when it fails."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    outcome, _ = process.capture(process.Command(argv=argv))
    if outcome.code:
        raise ToolError(f"ssh-keygen could not write {path}: {' '.join(outcome.tail)}", hint="df -h")
    return path.with_name(path.name + ".pub").read_text(encoding="utf-8").strip()
