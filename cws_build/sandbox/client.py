"""Ask a running server through its own HTTP routes."""

from __future__ import annotations

import http.client
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from cws_build.errors import InputError, ToolError

Answer = TypeVar("Answer")


def ask(url: str, method: str, path: str, body: bytes | None = None, *, reads: type[Answer]) -> Answer:
    """Send one request and read the answer as a record.

    Raises:
        InputError: The server did not understand what was sent.
        ToolError: The server does not answer.
    """
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ToolError(
            f"the sandbox at {url} does not answer: {error}", hint="cws-build sandbox down && cws-build sandbox up"
        ) from error
    finally:
        connection.close()
    if answer.status >= http.client.BAD_REQUEST:
        raise InputError(f"the sandbox refused the request: {content.decode(errors='replace')}")
    return msgspec.json.decode(content, type=reads)
