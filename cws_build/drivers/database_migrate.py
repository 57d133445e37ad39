"""Bring a database's schema up to date. Loaded only when there is something to do: alembic is slow to import."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    import sqlalchemy as sa

FOLDER = Path(__file__).parent / "migrations"


def scripts() -> ScriptDirectory:
    """Return all migrations."""
    return ScriptDirectory(str(FOLDER))


_ONE = threading.Lock()
"""What alembic's migrations call stands for the environment that was opened last, whichever thread asks."""


def migrate(connection: sa.Connection, target: str = "head") -> None:
    """Migrate within a transaction that is open: all of it happens, or nothing.

    Args:
        connection: In a transaction that holds the store's write lock.
        target: The revision to reach.
    """
    known = scripts()

    def steps(revision: Any, _context: Any) -> Any:  # noqa: ANN401  alembic's own types here are private
        return known._upgrade_revs(target, revision)  # noqa: SLF001  as alembic's own command.upgrade does

    with _ONE, EnvironmentContext(Config(), known, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
