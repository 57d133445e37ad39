"""Waiting until a machine's SSH server speaks."""

from __future__ import annotations

import socket
import time
from pathlib import Path

_PAUSE = 0.03


def await_ssh(address: str, seconds: float, pid: int) -> bool:
    """Wait until port 22 of an address sends an SSH banner (RFC 4253, section 4.2); tell whether it did in time.

    Args:
        address: Where it is expected.
        seconds: How long to wait.
        pid: The machine's init; when that has ended there is nothing to wait for.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and Path(f"/proc/{pid}").exists():
        if _speaks(address):
            return True
        time.sleep(_PAUSE)
    return False


def _speaks(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
