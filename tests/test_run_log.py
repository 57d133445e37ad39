"""Runs in the store: journals that outlive their process, runs of other computers, and those of older versions."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cws_build.drivers.database import Database
from cws_build.drivers.runs import DiskRuns
from cws_build.errors import StoreError
from cws_build.ports import RunInfo
from tests.project import ROOT


def info(ident, **fields):
    return RunInfo(**{"id": ident, "verb": "bake", "subject": "s", "account": "aws", "region": "us-east-1"} | fields)


@pytest.fixture
def computer(databases, tmp_path):
    """Return a function that gives the runs of a computer; all of them share one store."""
    database = Database(databases)
    return lambda name: DiskRuns(tmp_path / name, lambda: database)


def test_a_run_is_what_its_journal_says(computer):
    runs = computer("mine")
    with runs.begin(info("one")) as run:
        run.intend("key_pair", "k")
        run.made("key_pair", "k")
        run.intend("instance", "the machine")
        run.intend("security_group", "the group")
        run.made("security_group", "sg-1", "the group")
        (now,) = runs.past()
        run.gone(("key_pair", "k"), ("security_group", "sg-1"))
        run.keep("2026-12-01T00:00:00+00:00")
    (past,) = runs.past()
    assert (now.alive, past.alive, past.finished) == (True, False, False)
    assert now.open == (("key_pair", "k"), ("instance", "the machine"), ("security_group", "sg-1"))
    assert (past.info, past.folder) == (info("one"), run.folder)
    assert (past.open, past.kept_until) == ((("instance", "the machine"),), "2026-12-01T00:00:00+00:00")
    assert runs.past(unfinished=True) == [past]
    runs.forget(past)
    (closed,) = runs.past()
    assert (closed.open, closed.finished) == ((), True)
    assert runs.past(unfinished=True) == []


def results(runs, account="aws"):
    return [one.result for one in runs.ended(account)]


def test_results_come_back_in_the_order_of_the_runs(computer):
    runs = computer("mine")
    for ident in ("2", "1"):
        with runs.begin(info(ident)) as run:
            run.finish("done", {"run": ident, "text": "é"})
    with runs.begin(info("3")) as run:
        run.finish("failed")
    assert results(runs) == [{"run": "1", "text": "é"}, {"run": "2", "text": "é"}]
    assert [one.info for one in runs.ended("aws")] == [info("1"), info("2")]


def test_results_are_those_of_an_account(computer):
    mine, other = computer("mine"), computer("other")
    for runs, account in ((mine, "aws"), (other, "aws"), (mine, "sandbox"), (other, "sandbox")):
        name = "mine" if runs is mine else "other"
        with runs.begin(info(f"{account}-{name}", account=account)) as run:
            run.finish("done", {"from": name})
    assert results(mine) == results(other) == [{"from": "mine"}, {"from": "other"}]
    assert (results(mine, "sandbox"), results(other, "sandbox")) == ([{"from": "mine"}], [{"from": "other"}])


KILLED = """
import sys
from pathlib import Path
from cws_build.drivers.database import Database
from cws_build.drivers.runs import DiskRuns
from tests.test_run_log import info

runs = DiskRuns(Path(sys.argv[1]), lambda: Database(sys.argv[2]))
with runs.begin(info("killed")) as run:
    run.made("instance", "i-1")
    print("made", flush=True)
    number = 0
    while True:
        number += 1
        run.made("volume", f"vol-{number}")
        print(number, flush=True)
"""


def test_a_journal_outlives_its_process_line_by_line(databases, computer, tmp_path):
    words = [sys.executable, "-c", KILLED, str(tmp_path / "mine"), databases]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        told = [child.stdout.readline().strip() for _ in range(20)]
        assert computer("mine").past()[0].alive
        child.send_signal(signal.SIGKILL)
        told += child.stdout.read().split()
    (past,) = computer("mine").past()
    assert not past.alive
    assert not past.finished
    assert {("instance", "i-1"), *(("volume", f"vol-{number}") for number in told[1:])} <= set(past.open)


def test_a_run_of_another_computer_is_alive_until_its_time_is_over(computer):
    mine, theirs = computer("mine"), computer("theirs")
    now = datetime.now(UTC)
    for ident, hours in (("over", -1), ("going", 1)):
        with theirs.begin(info(ident, expires=(now + timedelta(hours=hours)).isoformat())):
            pass
    with theirs.begin(info("unknown")):
        pass
    with theirs.begin(info("done", expires=(now + timedelta(hours=1)).isoformat())) as run:
        run.finish("done")
    assert {run.info.id: run.alive for run in mine.past()} == {
        "over": False,
        "going": True,
        "unknown": True,
        "done": False,
    }
    assert not any(run.alive for run in theirs.past())
    over = next(run for run in mine.past() if run.info.id == "over")
    mine.end_children(over)
    mine.forget(over)
    assert next(run for run in theirs.past() if run.info.id == "over").finished


def test_what_runs_in_the_sandbox_of_another_computer_is_not_seen(computer):
    mine, theirs = computer("mine"), computer("theirs")
    for runs in (mine, theirs):
        with runs.begin(info(f"{runs._place}", account="sandbox")):
            pass
    assert [run.info.id for run in mine.past()] == [mine._place]


def test_a_state_folder_may_be_moved_with_its_store(tmp_path):
    with DiskRuns(tmp_path / "old").begin(info("one", account="sandbox")) as run:
        run.made("instance", "i-1")
    (tmp_path / "old").rename(tmp_path / "new")
    (past,) = DiskRuns(tmp_path / "new").past()
    assert (past.alive, past.folder) == (False, tmp_path / "new" / "runs" / "one")


def test_a_run_that_cannot_be_written_down_leaves_no_folder(tmp_path):
    runs = DiskRuns(tmp_path / "state", lambda: Database(tmp_path))
    with pytest.raises(StoreError), runs.begin(info("one")):
        pass
    assert list((tmp_path / "state" / "runs").iterdir()) == []


def old_run(state, ident, *lines, result=None):
    """Leave a run as versions without a store did."""
    folder = state / "runs" / ident
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    begin = {"what": "begin", "info": {"id": ident, "verb": "bake", "subject": "s", "account": "aws", "region": "r"}}
    text = [json.dumps({"at": "2026-11-01T00:00:00+00:00", **line}) for line in (begin, *lines)]
    (folder / "journal.jsonl").write_text("\n".join(text) + '\n{"at": "2026-11-01T00:0')
    if result is not None:
        (folder / "result.json").write_text(result)
    return folder


def test_runs_of_older_versions_are_carried_over_once(computer, tmp_path):
    state = tmp_path / "mine"
    machine = {"kind": "instance", "id": "i-1"}
    dead = old_run(state, "1-dead", {"what": "intend", "kind": "key_pair", "id": "k"}, {"what": "made"} | machine)
    finish = {"what": "finish", "outcome": "done"}
    done = old_run(state, "2-done", {"what": "keep", "until": "2026-12-01"}, finish, result='{"run": "2-done"}')
    cut = old_run(state, "3-cut", result='{"run": "3-')
    for runs in (computer("mine"), computer("mine")):
        first, second, third = runs.past()
        assert (first.open, first.finished) == ((("key_pair", "k"), ("instance", "i-1")), False)
        assert (second.finished, second.kept_until, third.open) == (True, "2026-12-01", ())
        assert results(runs) == [{"run": "2-done"}]
    assert [path.name for folder in (dead, done, cut) for path in folder.iterdir()] == ["lock"] * 3


def test_what_is_left_of_an_old_run_that_says_nothing_goes(computer, tmp_path):
    folder = old_run(tmp_path / "mine", "1")
    (folder / "journal.jsonl").write_text('{"at": "2026-')
    assert computer("mine").past() == []
    assert not (folder / "journal.jsonl").exists()


def test_an_old_run_that_still_goes_on_is_left_to_its_process(computer, tmp_path):
    import fcntl

    folder = old_run(tmp_path / "mine", "1")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert computer("mine").past() == []
    assert [run.info.id for run in computer("mine").past()] == ["1"]
