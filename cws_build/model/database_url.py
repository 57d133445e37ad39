"""URLs of databases, and the passwords in them, which nobody is to see."""

from __future__ import annotations

import re
from urllib.parse import unquote

_USER = re.compile(r"(?<=://)(?P<user>[^:/?#]*):(?P<password>.*)@", re.DOTALL)
"""The password ends at the last ``@``: one that was not quoted may have some of its own."""
_WORD = re.compile(r"(?P<word>[?&][a-z]*password=)(?P<password>[^&]*)")


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    return _WORD.sub(r"\g<word>***", _USER.sub(r"\g<user>:***@", url))


def passwords_of(url: str) -> list[str]:
    """Return the passwords in a URL, as written and as meant: what must not stand in a message."""
    found = [match["password"] for match in (*_USER.finditer(url), *_WORD.finditer(url))]
    return [text for password in found for text in (password, unquote(password)) if text]
