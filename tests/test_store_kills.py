"""``kill -9`` after each statement by which a store is made, migrated and written: a step is there whole, or not."""

from __future__ import annotations

import itertools
import os
import signal
import sys

import sqlalchemy as sa

import cws_build.drivers.database_migrate  # noqa: F401  imported once, for all the children
from cws_build.drivers.database import Database
from cws_build.drivers.run_log import Line, LoggedRun, RunLog
from cws_build.ports import RunInfo
from tests.project import document, python
from tests.test_store import Count, more

RUN = RunInfo(id="one", verb="bake", subject="s", account="aws", region="us-east-1")
FIRST, SECOND, LAST = Line("intend", "instance", "i"), Line("made", "instance", "i-1"), Line("finish", name="done")


def work(url):
    """Make a store, and do one of everything in it."""
    database = Database(url)
    database.records(Count, "one").change("a", more)
    database.records(Count, "one").change("a", more)
    log = RunLog(database)
    log.add(LoggedRun(RUN, "here", [FIRST]))
    log.write(RUN.id, SECOND, LAST, result="{}")


def check(url):
    """Look at what a killed process has left, and do the work again."""
    database = Database(url)
    log, counts = RunLog(database), database.records(Count, "one")
    runs, before = log.runs(), counts.get("a")
    assert before in {None, Count(n=1), Count(n=2)}
    assert not runs or before == Count(n=2)
    lines = [run.lines for run in runs]
    assert lines in ([], [[FIRST]], [[FIRST, SECOND, LAST]])
    assert [one.text for one in log.ended(RUN.account)] == (["{}"] if lines == [[FIRST, SECOND, LAST]] else [])
    database.close()
    work(url)
    assert counts.get("a") == Count(n=(before.n if before else 0) + 2)


def killed_at(number, url):
    """Do the work, and be killed after its n-th statement."""
    numbers = itertools.count(1)

    def count(*_):
        if next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "after_cursor_execute", count)
    work(url)


def in_child(what, *words):
    """Call a function in a process of its own; return how that ended."""
    pid = os.fork()
    if pid == 0:
        try:
            what(*words)
        except BaseException:  # noqa: BLE001  the child says what it was, and is no test of its own
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_everywhere(urls):
    """Kill at the first statement, the second, and so on; return how each child ended, and the look at its store."""
    return [(in_child(killed_at, number, url), in_child(check, url)) for number, url in enumerate(urls, 1)]


PROGRAM = """
import json, sys
from tests.test_store_kills import kill_everywhere

print(json.dumps(kill_everywhere(sys.argv[1:])))
"""
MOST = 60
"""More statements than the work takes: the last children come to its end."""


def test_whatever_is_killed_leaves_a_whole_store(fresh_database):
    done = python(PROGRAM, *(fresh_database() for _ in range(MOST)))
    assert done.stderr == ""
    ends = document(done.stdout)
    assert [looked for _, looked in ends] == [0] * MOST
    killed = [end for end, _ in ends]
    assert killed == sorted(killed)
    assert killed.count(-signal.SIGKILL) > 15
    assert killed[-1] == 0
