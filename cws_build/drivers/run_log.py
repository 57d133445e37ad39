"""Runs and their journals in the store.

A line of the journal is committed, and on the disk, before the resource that it names is asked for. Whatever kills
the process: what was committed can be read, and what was not is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.ports import RunInfo

if TYPE_CHECKING:
    from cws_build.drivers.database import Database


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One line of a journal."""

    what: str
    """``intend``, ``made`` and ``gone`` of a resource, ``keep`` and ``finish`` of the run."""
    kind: str = ""
    """Of the resource."""
    name: str = ""
    """Its id or name; until when it is kept; how the run has ended."""


class LoggedRun(msgspec.Struct, frozen=True, array_like=True):
    """A run with its whole journal."""

    info: RunInfo
    place: str
    """The computer, and the state folder there, as `RunLog` was given it."""
    lines: list[Line] = []

    @property
    def finished(self) -> bool:
        """Its journal was closed."""
        return any(line.what == "finish" for line in self.lines)

    @property
    def kept_until(self) -> str:
        """Until when it keeps resources on purpose, ISO 8601 UTC; empty when it does not."""
        return next((line.name for line in reversed(self.lines) if line.what == "keep"), "")

    @property
    def open(self) -> tuple[tuple[str, str], ...]:
        """Resources that were written down and not seen gone."""
        seen = {(line.kind, line.name): line.what for line in self.lines if line.what in {"intend", "made", "gone"}}
        return tuple(resource for resource, what in seen.items() if what != "gone")


class LoggedResult(msgspec.Struct, frozen=True, array_like=True):
    """A run with the JSON document that it has ended with."""

    info: RunInfo
    place: str
    """As in `LoggedRun`."""
    text: str


class RunLog:
    """The runs of a store. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: LoggedRun, *, at: str = "", result: str | None = None) -> bool:
        """Write down a run with what is known of it; return whether it was not there before.

        Args:
            run: The run.
            at: When its lines were written, ISO 8601 UTC; empty for now.
            result: The JSON document that it has ended with.
        """
        from cws_build.drivers import database_runs

        return database_runs.add(self._database.engine(), run, at, result)

    def write(self, run: str, *lines: Line, result: str | None = None) -> None:
        """Add lines to the journal of a run, all or none, and its result."""
        from cws_build.drivers import database_runs

        database_runs.write(self._database.engine(), run, lines, result)

    def runs(self, *, unfinished: bool = False) -> list[LoggedRun]:
        """Return all runs, or those alone whose journal was not closed, by id."""

        def ask() -> list[LoggedRun]:
            from cws_build.drivers import database_runs

            return database_runs.runs(self._database.engine(), unfinished=unfinished)

        return self._database.ask("unfinished runs" if unfinished else "runs", ask, list[LoggedRun], nothing=[])

    def ended(self, account: str) -> list[LoggedResult]:
        """Return the runs of an account that have kept a result, by id."""

        def ask() -> list[LoggedResult]:
            from cws_build.drivers import database_runs

            return database_runs.ended(self._database.engine(), account)

        return self._database.ask(f"ended {account}", ask, list[LoggedResult], nothing=[])
