"""The store: records that are read, changed and found, with SQLite and with PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import ClassVar

import pytest

from cws_build.drivers.database import Database
from cws_build.errors import InputError, StoreError
from cws_build.ports.store import Record
from tests.project import ROOT


class Count(Record, frozen=True, kw_only=True):
    """A number."""

    KIND: ClassVar[str] = "count"

    n: int = 0


@pytest.fixture
def counts(databases):
    return Database(databases).records(Count, "123456789012")


def more(count):
    return Count(n=(count.n if count else 0) + 1)


def test_a_record_is_what_was_put_last(counts):
    assert counts.get("a") is None
    counts.put("a", Count(n=1))
    counts.put("a", Count(n=2))
    assert counts.get("a") == Count(n=2)
    counts.remove("a")
    counts.remove("a")
    assert (counts.get("a"), counts.all()) == (None, {})


def test_a_change_returns_what_is_there_now(counts):
    assert [counts.change("a", more) for _ in range(3)][-1] == counts.get("a") == Count(n=3)
    assert counts.change("a", lambda _: None) is None
    assert counts.get("a") is None


def test_a_change_that_raises_leaves_the_record_as_it_was(counts):
    counts.put("a", Count(n=1))

    def refuse(_):
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        counts.change("a", refuse)
    assert counts.get("a") == Count(n=1)


def test_keys_are_found_by_how_they_begin_and_sorted_as_python_sorts(counts):
    keys = ["ab/1", "Ab", "ab", "ab%", "ab_", "a", "äb", "ab/é", "ab/\U0001f600", "b'\"\\"]
    for key in keys:
        counts.put(key, Count())
    assert list(counts.all()) == sorted(keys)
    assert list(counts.all("ab")) == sorted(key for key in keys if key.startswith("ab"))
    assert list(counts.all("ab_")) == ["ab_"]
    assert list(counts.all("b'\"\\")) == ["b'\"\\"]


def test_kinds_and_accounts_do_not_meet(databases):
    database = Database(databases)

    class Other(Record, frozen=True, kw_only=True):
        KIND: ClassVar[str] = "other"

    database.records(Count, "one").put("a", Count())
    assert database.records(Count, "two").all() == {}
    assert database.records(Other, "one").all() == {}


CHANGING = """
import sys
import threading
from tests.test_store import Count, more
from cws_build.drivers.database import Database

counts = Database(sys.argv[1]).records(Count, "one")
for _ in range(200):
    counts.change("both", more)
"""


def test_two_processes_that_change_one_record_lose_nothing(databases):
    """Nor do they when neither finds a database yet: one makes it, the other waits."""
    both = [
        subprocess.Popen([sys.executable, "-c", CHANGING, databases], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [one.communicate()[1] for one in both] == ["", ""]
    assert Database(databases).records(Count, "one").get("both") == Count(n=400)


def test_what_a_record_is_of_is_named_when_it_cannot_be_understood(databases):
    class Text(Record, frozen=True, kw_only=True):
        KIND: ClassVar[str] = "count"

        n: str

    Database(databases).records(Text, "one").put("a", Text(n="x"))
    with pytest.raises(StoreError, match="the count 'a' cannot be understood") as error:
        Database(databases).records(Count, "one").get("a")
    assert error.value.hint


def test_many_threads_share_a_store(databases):
    """As many as there are regions, each of which writes its own line and counts the same one."""
    counts, failed = Database(databases).records(Count, "one"), []

    def work(number):
        try:
            for _ in range(5):
                counts.change("all", more)
                counts.change(f"region-{number}", more)
        except StoreError as error:
            failed.append(error.message)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(34)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert counts.get("all") == Count(n=170)
    assert counts.all("region-") == {f"region-{number}": Count(n=5) for number in range(34)}
