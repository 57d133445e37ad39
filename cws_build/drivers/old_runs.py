"""Runs as cws-build kept them before it had a store: a journal and a result as files in the run's folder.

They are carried over once, when somebody first looks at runs, and their files go when the store has them.
"""

from __future__ import annotations

import fcntl
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.drivers.run_log import Line, LoggedRun
from cws_build.ports import RunInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cws_build.drivers.run_log import RunLog

_NAMED = {"keep": "until", "finish": "outcome"}
"""What a line's third word was called; otherwise it was ``id``."""


def carry_over(runs: Path, place: str, log: RunLog) -> None:
    """Write the runs of files into a store; raises StoreError, with the files as they were.

    Args:
        runs: The folder of all runs' folders.
        place: Of these runs; see `LoggedRun`.
        log: Where they go.
    """
    for journal in sorted(runs.glob("*/journal.jsonl")):
        if _is_being_written(journal):
            continue  # by a version that knows no store; next time, then
        found = _read(journal)
        if found:
            run, at = found
            log.add(LoggedRun(run.info, place, run.lines), at=at, result=_result(journal.with_name("result.json")))
        for file in (journal, journal.with_name("result.json")):
            with suppress(OSError):
                file.unlink()


def _is_being_written(journal: Path) -> bool:
    try:
        with journal.with_name("lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _read(journal: Path) -> tuple[LoggedRun, str] | None:
    """Return a run and when it began; None where a crash left nothing to read."""
    try:
        lines = list(_lines(journal.read_text(encoding="utf-8")))
        info = msgspec.convert(lines[0]["info"], RunInfo)
    except (OSError, LookupError, UnicodeDecodeError, msgspec.ValidationError):
        return None
    read = [
        Line(line["what"], line.get("kind", ""), line.get(_NAMED.get(line["what"], "id"), "")) for line in lines[1:]
    ]
    return LoggedRun(info, "", read), str(lines[0]["at"])


def _lines(text: str) -> Iterator[dict[str, Any]]:
    """Yield the lines that were written whole."""
    for line in text.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def _result(file: Path) -> str | None:
    """Return the result that a run has kept, None where there is none or a crash cut it off."""
    try:
        return json.dumps(json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return None
