"""Runs and journals in SQL; `cws_build.drivers.run_log` says what they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from cws_build.drivers.database_schema import JOURNAL, RUNS
from cws_build.drivers.run_log import Line, LoggedResult, LoggedRun
from cws_build.ports import RunInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.drivers.database_engine import Engine


def add(engine: Engine, run: LoggedRun, at: str, result: str | None) -> bool:
    """Insert a run with its journal, unless it is there; return whether it was not."""
    with engine.writing("run", run.info.id) as connection:
        if connection.execute(sa.select(RUNS.c.id).where(RUNS.c.id == run.info.id)).first():
            return False
        info = msgspec.json.encode(run.info).decode()
        connection.execute(sa.insert(RUNS).values(id=run.info.id, place=run.place, info=info, result=result))
        _append(connection, run.info.id, run.lines, at)
    return True


def write(engine: Engine, run: str, lines: Iterable[Line], result: str | None) -> None:
    """Add lines to a journal, and keep a result."""
    with engine.writing() as connection:
        _append(connection, run, lines)
        if result is not None:
            connection.execute(sa.update(RUNS).where(RUNS.c.id == run).values(result=result))


def _append(connection: sa.Connection, run: str, lines: Iterable[Line], at: str = "") -> None:
    when = at or datetime.now(UTC).isoformat()
    rows = [{"run": run, "at": when} | msgspec.structs.asdict(line) for line in lines]
    if rows:
        connection.execute(sa.insert(JOURNAL), rows)


def runs(engine: Engine, *, unfinished: bool) -> list[LoggedRun]:
    """Return all runs with their journals, or those alone whose journal was not closed, by id."""
    found: dict[str, LoggedRun] = {}
    wanted = sa.select(RUNS.c.id, RUNS.c.place, RUNS.c.info).order_by(RUNS.c.id)
    lines = sa.select(JOURNAL.c.run, JOURNAL.c.what, JOURNAL.c.kind, JOURNAL.c.name).order_by(JOURNAL.c.line)
    if unfinished:
        closed = sa.select(JOURNAL.c.run).where(JOURNAL.c.what == "finish")
        wanted, lines = wanted.where(RUNS.c.id.not_in(closed)), lines.where(JOURNAL.c.run.not_in(closed))
    with engine.reading() as connection:
        for row in connection.execute(wanted):
            found[row.id] = LoggedRun(msgspec.json.decode(row.info, type=RunInfo), row.place, [])
        for run, *line in connection.execute(lines):
            if run in found:  # one may have begun between the two questions
                found[run].lines.append(Line(*line))
    return list(found.values())


def ended(engine: Engine, account: str) -> list[LoggedResult]:
    """Return the runs of an account that have kept a result, by id."""
    kept = sa.select(RUNS.c.info, RUNS.c.place, RUNS.c.result).where(RUNS.c.result.is_not(None)).order_by(RUNS.c.id)
    found = []
    with engine.reading() as connection:
        for text, place, result in connection.execute(kept):
            info = msgspec.json.decode(text, type=RunInfo)
            if info.account == account:
                found.append(LoggedResult(info, place, result))
    return found
