"""Secrets never leave: known texts and well-known shapes are masked in every line that is shown or kept.

Packer prints sensitive variables in clear in its machine-readable stream up to 1.15.0, and provisioners print
what they like, so nothing that a tool said is passed on before it went through a `Scrubber`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MASK = "***"
_SHORTEST_PART = 4  # shorter lines of a many-line secret, such as a lone brace, would mask half of any text
_LONGEST_KEY = 200  # lines; an unfinished private key must not mask the rest of a log

_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY-----")
_KEY_BLOCK = re.compile(_KEY_BEGIN.pattern + rf".*?(?:{_KEY_END.pattern}|\Z)", re.DOTALL)
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]+\s*$")

_VALUE = r"""(?:\\?"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'}\])]+)"""
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (_KEY_BLOCK, MASK),
    (
        re.compile(
            r"(?i)(?<![a-z0-9])((?:password|passwd|passphrase|secret_?access_?key|secret_?key|secret"
            r"|session_?token|security_?token|access_?token|auth_?token|refresh_?token|token|api_?key|private_?key)"
            rf"""\\?["']?\s*(?:=|:(?!\s*\*\*\*))\s*){_VALUE}"""
        ),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"(?i)(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:\w+\s+)?)[^\s\"',]+"), rf"\g<1>{MASK}"),
    (re.compile(r"(?<=://)[^/\s:@]{1,256}:[^/\s@]{1,256}(?=@)"), MASK),
    (re.compile(r"\b(?:FwoGZXIvYXdz|IQoJb3JpZ2lu|AQoDYXdz)[A-Za-z0-9/+=]{16,}"), MASK),
    # An AWS secret key is 40 characters of base64 with mixed cases and digits; a SHA-1 has no capitals.
    (
        re.compile(
            r"(?<![A-Za-z0-9/+=])(?=[a-z0-9/+]{0,39}[A-Z])(?=[A-Z0-9/+]{0,39}[a-z])(?=[A-Za-z/+]{0,39}[0-9])"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
        ),
        MASK,
    ),
)


def _packer_unescaped(text: str) -> str:
    return text.replace("%!(PACKER_COMMA)", ",").replace("\\n", "\n").replace("\\r", "\r")


def _packer_escaped(text: str) -> str:
    return text.replace(",", "%!(PACKER_COMMA)").replace("\r", "\\r").replace("\n", "\\n")


def _spellings(secret: str) -> Iterator[str]:
    """Yield the ways in which tools write one secret down; each line of it counts as well."""
    yield secret
    for spelling in (secret, _packer_unescaped(secret)):
        yield spelling
        yield _packer_escaped(spelling)
        yield json.dumps(spelling)[1:-1]
        yield json.dumps(spelling, ensure_ascii=False)[1:-1]
        yield from (part for part in re.split(r"[\r\n]+", spelling) if len(part.strip()) >= _SHORTEST_PART)
    yield quote(secret, safe="")


class Scrubber:
    """Masks known secret texts and the shapes of secrets.

    Args:
        secrets: Texts that must never be shown: passwords, keys, tokens. Empty ones are ignored.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        longest_first = sorted(known - {""}, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """Return the text with every secret replaced by ``***``."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text

    def lines(self) -> Callable[[str], str]:
        """Return a scrubber for the lines of one stream: it also knows a private key that spans lines."""
        left = 0

        def scrub(line: str) -> str:
            nonlocal left
            if left and not _KEY_END.search(line):
                left -= 1
                return self(_KEY_BODY.sub(MASK, line))
            begin = _KEY_BEGIN.search(line)
            left = _LONGEST_KEY if begin and not _KEY_END.search(line, begin.end()) else 0
            return self(line)

        return scrub
