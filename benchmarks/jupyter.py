"""Whether JupyterLab answers: asked the same way, and as often, of whatever started it."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

JUPYTER = 8888
PAUSE = 0.02
"""Seconds between two looks: what is measured must not wait for us."""
_PATIENCE = 600.0


def await_jupyter(host: str, port: int, hopeless: Callable[[], bool] = lambda: False) -> None:
    """Return as soon as JupyterLab answers; RuntimeError when it never does, or has no hope of doing so."""
    end = time.monotonic() + _PATIENCE
    while not answers(host, port):
        if time.monotonic() > end or hopeless():
            raise RuntimeError(f"JupyterLab at {host}:{port} does not answer")
        time.sleep(PAUSE)


def answers(host: str, port: int) -> bool:
    """Tell whether JupyterLab answers."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/api")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
