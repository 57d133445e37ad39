"""Answers that are remembered while nobody writes to the store: never old ones, and without SQLAlchemy."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.drivers.database import Database
from cws_build.drivers.database_memory import Memory
from tests.project import python
from tests.test_store import Count


class Asked:
    """A store in a file, and a memory of it for which time has gone by since the last write."""

    def __init__(self, folder, later=10.0):
        self.file = folder / "store.db"
        self.database = Database(self.file)
        self.memory = Memory(self.file, folder / "memory", clock=lambda: time.time() + later)
        self.count = 0

    def put(self, number):
        self.database.records(Count, "one").put("a", Count(n=number))

    def answer(self):
        return self.memory.answer("how many", self._ask, int)

    def _ask(self):
        self.count += 1
        found = self.database.records(Count, "one").get("a")
        self.database.close()
        return found.n if found else -1


@pytest.fixture
def asked(tmp_path):
    return Asked(tmp_path)


def test_an_answer_is_remembered_until_somebody_writes(asked):
    asked.put(1)
    asked.database.close()
    assert [asked.answer() for _ in range(3)] == [1, 1, 1]
    assert asked.count == 1
    asked.put(2)
    asked.database.close()
    assert [asked.answer() for _ in range(3)] == [2, 2, 2]
    assert asked.count == 2


@given(st.lists(st.sampled_from(["put", "close", "ask"]), max_size=12))
def test_no_answer_is_ever_old(tmp_path_factory, steps):
    asked, now = Asked(tmp_path_factory.mktemp("store")), 0
    asked.put(0)
    for step in steps:
        if step == "put":
            now += 1
            asked.put(now)
        elif step == "close":
            asked.database.close()
        else:
            assert asked.answer() == now


def test_nothing_is_remembered_of_a_file_that_has_just_been_written(tmp_path):
    asked = Asked(tmp_path, later=0.0)
    asked.put(1)
    asked.database.close()
    assert [asked.answer(), asked.answer(), asked.count] == [1, 1, 2]


def test_what_a_killed_writer_has_left_in_the_log_is_seen(asked, tmp_path):
    asked.put(1)
    asked.database.close()
    assert [asked.answer(), asked.answer(), asked.count] == [1, 1, 1]
    killed = "import os, sys; from pathlib import Path; from tests.test_store_memory import Asked\n"
    killed += "asked = Asked(Path(sys.argv[1])); asked.put(2); os._exit(1)"
    assert python(killed, str(tmp_path)).returncode == 1
    assert (tmp_path / "store.db-wal").stat().st_size
    assert asked.answer() == 2


def test_a_backup_that_is_put_back_is_seen(asked, tmp_path):
    asked.put(1)
    asked.database.close()
    with (
        contextlib.closing(sqlite3.connect(asked.file)) as now,
        contextlib.closing(sqlite3.connect(tmp_path / "backup.db")) as backup,
    ):
        now.backup(backup)
    asked.put(2)
    asked.database.close()
    assert asked.answer() == 2
    times = asked.file.stat()
    (tmp_path / "backup.db").replace(asked.file)
    os.utime(asked.file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert asked.answer() == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"1 2 3\n{}"])
def test_a_memory_that_is_damaged_or_cannot_be_written_is_no_harm(asked, damage):
    asked.put(1)
    asked.database.close()
    assert asked.answer() == 1
    (kept,) = asked.file.with_name("memory").iterdir()
    kept.write_bytes(damage)
    assert [asked.answer(), asked.answer(), asked.count] == [1, 1, 2]
    kept.unlink()
    kept.mkdir()
    assert [asked.answer(), asked.count] == [1, 3]


def test_old_answers_make_room(asked):
    asked.put(1)
    asked.database.close()
    for number in range(600):
        asked.memory.answer(f"question {number}", lambda: 1, int)
    assert len(list(asked.file.with_name("memory").iterdir())) <= 500


READING = """
import sys
from pathlib import Path
from cws_build.drivers.database import Database
from tests.test_store import Count

counts = Database(Path(sys.argv[1]) / "store.db", memory=Path(sys.argv[1]) / "memory").records(Count, "one")
print(counts.get("a"), dict(counts.all()), "sqlalchemy" in sys.modules)
"""


def test_a_store_that_nobody_has_made_is_not_made_to_be_read(tmp_path):
    done = python(READING, str(tmp_path / "new"))
    assert done.stdout == "None {} False\n", done.stderr
    assert not (tmp_path / "new").exists()


def test_a_store_that_is_remembered_is_read_without_sqlalchemy(tmp_path):
    asked = Asked(tmp_path)
    asked.put(1)
    asked.database.close()
    questions = {"count one get a": ('"{\\"n\\":1}"', str | None), "count one all ": ("", list[tuple[str, str]])}
    for question, (_, kind) in questions.items():
        table = asked.database.records(Count, "one")._shelf()
        asked.database.close()
        answer = table.get("a") if " get " in question else table.all("")
        table.engine.close()
        asked.memory.answer(question, lambda answer=answer: answer, kind)
    assert python(READING, str(tmp_path)).stdout == "Count(n=1) {'a': Count(n=1)} False\n"
