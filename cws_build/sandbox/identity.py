"""The name of a sandbox: eight hex digits in its state folder, on everything it makes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cws_build.sandbox.store import write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def identity(state: Path) -> str:
    """Return the sandbox's id; the first call makes it."""
    path = state / "id"
    if not path.exists():
        write_atomically(path, secrets.token_hex(4).encode())
    return path.read_text(encoding="ascii").strip()
