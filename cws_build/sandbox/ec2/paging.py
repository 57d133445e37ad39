"""Pages: MaxResults and NextToken for answers that moto gives in one piece."""

from __future__ import annotations

import base64
from typing import Any, TypeVar

from moto.ec2.exceptions import EC2ClientError

Item = TypeVar("Item")


def page(items: list[Item], limit: Any, token: str | None) -> tuple[list[Item], str | None]:  # noqa: ANN401 - as parsed
    """Cut one page out of a list; the token says where the next one starts."""
    start = _start(token) if token else 0
    if not limit:
        return items[start:], None
    end = start + int(limit)
    return items[start:end], _token(end) if end < len(items) else None


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"page:{start}".encode()).decode()


def _start(token: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        if word == "page":
            return int(number)
    except ValueError:
        pass
    raise EC2ClientError("InvalidNextToken", "The token is invalid.")
