"""Which loopback addresses a sandbox owns, claimed by listening on one of them."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from typing import TYPE_CHECKING

from cws_build.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Collection

PORT = 4563
"""The API's port; the address differs from sandbox to sandbox, so the port need not."""
BLOCKS = [ipaddress.IPv4Network(f"127.{number}.0.0/16") for number in range(16, 32)]
"""127.16.0.0/12 in sixteen parts: all of 127/8 is local on Linux, and needs no ``ip addr``."""


def claim(name: str, taken: Collection[str]) -> tuple[ipaddress.IPv4Network, socket.socket]:
    """Claim an address block by listening on its first address; the kernel gives it back when the process ends.

    Args:
        name: Decides which block is tried first, so that a sandbox tends to keep its own.
        taken: Blocks on which machines of other sandboxes may still run.

    Raises:
        ToolError: All sixteen are in use.
    """
    first = int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(BLOCKS)
    for block in BLOCKS[first:] + BLOCKS[:first]:
        if str(block) in taken:
            continue
        try:
            return block, _listen(str(block.network_address + 1), PORT)
        except OSError:
            continue
    if not _local(str(BLOCKS[0].network_address + 1)):
        return BLOCKS[first], _listen("127.0.0.1", 0)
    raise ToolError(
        "all sixteen address blocks of 127.16.0.0/12 are in use by sandboxes", hint="cws-build sandbox down"
    )


def _listen(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _local(address: str) -> bool:
    """Tell whether an address is this computer's; other systems than Linux know 127.0.0.1 only."""
    try:
        _listen(address, 0).close()
    except OSError:
        return False
    return True
