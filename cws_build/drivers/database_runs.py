"""Runs and journals in SQL; `cws_build.drivers.run_log` says what they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from cws_build.drivers.database_schema import JOURNAL, RUNS
from cws_build.drivers.run_log import Line, LoggedRun
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


def runs(engine: Engine) -> list[LoggedRun]:
    """Return all runs with their journals, by id."""
    found: dict[str, LoggedRun] = {}
    columns = (JOURNAL.c.run, JOURNAL.c.what, JOURNAL.c.kind, JOURNAL.c.name)
    with engine.reading() as connection:
        for row in connection.execute(sa.select(RUNS.c.id, RUNS.c.place, RUNS.c.info).order_by(RUNS.c.id)):
            found[row.id] = LoggedRun(msgspec.json.decode(row.info, type=RunInfo), row.place, [])
        for run, *line in connection.execute(sa.select(*columns).order_by(JOURNAL.c.line)):
            if run in found:  # one may have begun between the two questions
                found[run].lines.append(Line(*line))
    return list(found.values())


def results(engine: Engine) -> list[str]:
    """Return what runs have ended with, by the runs' ids."""
    kept = sa.select(RUNS.c.result).where(RUNS.c.result.is_not(None)).order_by(RUNS.c.id)
    with engine.reading() as connection:
        return list(connection.execute(kept).scalars())
