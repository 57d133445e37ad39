"""Whether a machine answers: SSH's greeting, HTTP, or a connection that is accepted and stays."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from socket import socket

    from cws_build.ports import Cancel
    from cws_build.ports.machines import Login, Said

_CONNECT = 1.0
_ANSWER = 1.0
"""Seconds; who asks repeats the question."""
_SSH = 22


class NetProbe:
    """Implements `cws_build.ports.machines.Probe` over the network."""

    def ssh(self, host: str) -> bool:
        """See the port; the greeting is RFC 4253's, section 4.2."""
        with contextlib.suppress(OSError), _connected(host, _SSH) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def port(self, host: str, port: int) -> bool:
        """See the port."""
        with contextlib.suppress(OSError), _connected(host, port) as connection:
            return _answers(connection, host)
        return False

    def output_of(self, host: str, login: Login, command: Sequence[str]) -> str:
        """See the port."""
        from cws_build.drivers.ssh import output_of

        return output_of(host, login, command)

    def run(self, host: str, login: Login, script: str, cancel: Cancel) -> Said:
        """See the port."""
        from cws_build.drivers.ssh import run_script

        return run_script(host, login, script, cancel)


def _connected(host: str, port: int) -> socket:
    import socket

    connection = socket.create_connection((host, port), timeout=_CONNECT)
    connection.settimeout(_ANSWER)
    return connection


def _answers(connection: socket, host: str) -> bool:
    """Ask as a browser does, and take any answer; a service that speaks something else only has to stay.

    A port that is forwarded, as podman's are, accepts for a service that is not there yet and then hangs up.
    """
    name = f"[{host}]" if ":" in host else host
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True
