"""Bytes in, whole lines out."""

from __future__ import annotations


class Lines:
    """Cuts a stream into lines; a long line that is still unfinished is never copied twice."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; return the lines it finishes, without their ends."""
        if b"\n" not in data:
            self._parts.append(data)
            return []
        *whole, rest = b"".join((*self._parts, data)).split(b"\n")
        self._parts = [rest] if rest else []
        return [line.removesuffix(b"\r") for line in whole]

    def rest(self) -> list[bytes]:
        """Return the last line, which has no end, if there is one."""
        return [line for line in self.feed(b"\n") if line]
