"""Known failures: what a line of Packer's, Ansible's or AWS's means, and what to do next."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import msgspec

from cws_build.model.failures_cloud import CLOUD_ROWS
from cws_build.model.failures_machine import MACHINE_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.model.failure_rows import Row

ROWS: tuple[Row, ...] = (*CLOUD_ROWS, *MACHINE_ROWS)
"""Every known failure; the first row that fits wins, so that the cloud's own words come first."""


class Explanation(msgspec.Struct, frozen=True):
    """Why something failed and what a person does about it."""

    code: str
    """A stable word for programs, such as ``quota`` or ``ssh_timeout``."""
    cause: str
    """One sentence."""
    hint: str
    """The next command, flag or setting."""
    line: str = ""
    """The line that told."""
    error: str = "bake_failed"
    """Code of the class in `cws_build.errors` that it is: ``limit_exceeded``, ``access_denied``, ``cloud`` …"""


CODES: tuple[str, ...] = tuple(row.code for row in ROWS)
"""The code of every row, in their order."""


@functools.cache
def _compiled() -> tuple[tuple[re.Pattern[str], Row], ...]:
    """Compile the patterns when something has failed: it takes 20 ms, which every other command would wait for."""
    return tuple((re.compile(row.pattern), row) for row in ROWS)


def explain(lines: Iterable[str]) -> Explanation | None:
    """Find the known failure in error records, output lines, or an AWS error's code and message.

    Args:
        lines: The texts to look at, such as ``[*report.errors, *report.outcome.tail]`` or ``[code, message]``.

    Returns:
        The first row that fits any line, with that line; None when the failure is not known.
    """
    texts = list(lines)
    for pattern, row in _compiled():
        for text in texts:
            if pattern.search(text):
                return Explanation(code=row.code, cause=row.cause, hint=row.hint, line=text, error=row.error)
    return None
