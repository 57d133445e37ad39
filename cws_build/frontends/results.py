"""Standard output, kept for results: what anything else prints there, such as a plugin, goes to stderr."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDOUT, _STDERR = 1, 2
_kept: list[TextIO] = []
"""The stream for results while standard output is kept; in a list, as commands run inside others in tests."""


def results() -> TextIO:
    """Return the stream for results."""
    return _kept[-1] if _kept else sys.stdout


@contextmanager
def kept_for_results() -> Iterator[None]:
    """Lead away what is not written to `results`, also what programs print that a plugin starts."""
    before = sys.stdout
    own = _own_stream(before)
    _kept.append(own or before)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        _kept.pop()
        sys.stdout = before
        if own:
            _give_back(own)


def give_back() -> None:
    """Make standard output what it was, for a program that takes our place."""
    if _kept and _is_ours(_kept[-1]):
        os.dup2(_kept[-1].fileno(), _STDOUT)


def _own_stream(before: TextIO) -> TextIO | None:
    """Return a stream to where file descriptor 1 led, which leads to stderr from now on; None where it is not that."""
    try:
        if before.fileno() != _STDOUT:
            return None
        before.flush()
        own = os.fdopen(os.dup(_STDOUT), "w", encoding=before.encoding, errors=before.errors)
        os.dup2(_STDERR, _STDOUT)
    except (OSError, ValueError, AttributeError):
        return None
    return own


def _is_ours(stream: TextIO) -> bool:
    return stream is not sys.stdout and stream.fileno() != _STDOUT


def _give_back(own: TextIO) -> None:
    with suppress(OSError):
        os.dup2(own.fileno(), _STDOUT)
    with suppress(OSError):  # whoever read it has gone, which was told already
        own.close()
