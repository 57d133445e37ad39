"""The callback plugin and the reader of its file: a real playbook, run alone and inside real Packers."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.drivers.process import Command, capture
from cws_build.drivers.task_events import TaskEvents
from cws_build.model.events import LayerFinished, LayerStarted, TaskFinished, TaskStarted
from cws_build.model.scrub import Scrubber
from cws_build.model.task_failure import known_hint

HERE = Path(__file__).parent
PROJECT = HERE / "data/packer/project"
PLUGIN = HERE.parent / "playbooks/callback_plugins/cws_events.py"
BUILT = HERE.parent / ".build/packer/packer"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
PYTHON = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(
    not (Path(sys.executable).parent / "ansible-playbook").exists(), reason="ansible-core is not installed here"
)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    (folder / "callback_plugins").mkdir()
    shutil.copy(PLUGIN, folder / "callback_plugins")
    return folder


def play(project, *extra, events=None):
    """Run the playbook against this machine; return its outcome, its stdout and its events."""
    argv = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={PYTHON}"]
    environment = {"LC_ALL": "C.UTF-8", **({"CWS_EVENTS": str(events)} if events else {})}
    command = Command(argv=[*argv, *extra, "playbook.yml"], environment=environment, folder=project)
    outcome, text = capture(command)
    if events is None:
        return outcome, text, []
    reader = TaskEvents(events, run="r-1", subject="s", scrub=Scrubber())
    told = list(reader.finish())
    assert reader.unreadable == 0
    return outcome, text, told


def finished(events):
    return {event.task: event for event in events if isinstance(event, TaskFinished)}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    shutil.copytree(PROJECT, folder / "project")
    (folder / "project/callback_plugins").mkdir()
    shutil.copy(PLUGIN, folder / "project/callback_plugins")
    return play(folder / "project", events=folder / "events.jsonl")


def test_layers_frame_their_tasks(good):
    outcome, _, events = good
    assert outcome.code == 0, outcome.tail
    frame = [event for event in events if isinstance(event, LayerStarted | LayerFinished)]
    assert [(type(e).__name__, e.layer, e.index, e.total) for e in frame] == [
        ("LayerStarted", "first", 1, 2),
        ("LayerFinished", "first", 1, 2),
        ("LayerStarted", "second", 2, 2),
        ("LayerFinished", "second", 2, 2),
    ]
    tasks = finished(events)
    assert {name: task.layer for name, task in tasks.items()} == {
        "Say what this is": "",
        "Change 2 things": "first",
        "Ignore this": "first",
        "Include more": "first",
        "Never do this": "first",
        "Fail and be rescued": "first",
        "Rescue": "first",
        "Tell": "first",
        "Hide this": "second",
        "Hide a loop": "second",
        "Install things": "second",
        "Take long": "second",
        "Sysprep": "",
    }


def test_every_task_starts_once_and_ends_once(good):
    _, _, events = good
    started = Counter(event.task for event in events if isinstance(event, TaskStarted))
    ended = Counter(event.task for event in events if isinstance(event, TaskFinished))
    assert started == ended
    assert set(started.values()) == {1}
    assert {(event.run, event.subject) for event in events} == {("r-1", "s")}


def test_status_and_place(good):
    tasks = finished(good[2])
    told = {name: (task.status, task.ignored) for name, task in tasks.items()}
    assert told["Say what this is"] == ("ok", False)
    assert told["Change 2 things"] == ("changed", False)
    assert told["Never do this"] == ("skipped", False)
    assert told["Ignore this"] == ("failed", True)
    assert told["Fail and be rescued"] == ("failed", True)
    assert tasks["Change 2 things"].path == "roles/first/tasks/main.yml:2"
    assert tasks["Sysprep"].path == "playbook.yml:17"
    assert tasks["Ignore this"].message == "err (return code 4)"
    assert tasks["Ignore this"].output == "out\nerr"
    assert all(task.seconds >= 0 for task in tasks.values())


def test_no_log_is_respected_and_stdout_stays_as_it_is(good):
    _, text, events = good
    assert "hush-hush" not in str(events)
    assert finished(events)["Hide this"].message == "hidden: the task is marked no_log"
    assert finished(events)["Hide a loop"].status == "failed"
    assert "PLAY RECAP" in text
    assert "cws_events" not in text


def test_a_failed_item_is_named_with_its_last_lines(project, tmp_path):
    outcome, _, events = play(project, "-e", "fails=7", events=tmp_path / "events.jsonl")
    assert outcome.code == 2
    task = finished(events)["Install things"]
    assert (task.layer, task.status, task.ignored) == ("second", "failed", False)
    assert task.message == "item bad: e12 (return code 7)"
    assert task.output.splitlines()[-1] == "e12"
    assert len(task.output.splitlines()) == 20
    assert [e.layer for e in events if isinstance(e, LayerFinished)] == ["first"]
    assert "Sysprep" not in finished(events)


def test_a_missing_role_fails_in_its_layer(project, tmp_path):
    shutil.rmtree(project / "roles/second")
    _, _, events = play(project, events=tmp_path / "events.jsonl")
    last = [event for event in events if isinstance(event, TaskFinished)][-1]
    assert (last.layer, last.task, last.status) == ("second", "layer 2/2 second", "failed")
    assert "second" in last.message


def test_an_unreachable_machine_is_told(project, tmp_path):
    argv = ("-c", "ssh", "-e", "ansible_port=1", "-e", "ansible_ssh_retries=0")
    outcome, _, events = play(project, *argv, events=tmp_path / "events.jsonl")
    assert outcome.code == 4
    (task,) = finished(events).values()
    assert (task.status, task.ignored) == ("unreachable", False)
    assert "refused" in task.message
    assert "run the same command again" in known_hint(task)
    assert known_hint(msgspec.structs.replace(task, status="failed")) == ""


def test_without_the_variable_nothing_happens(project):
    outcome, _, _ = play(project)
    assert outcome.code == 0


def test_a_file_that_cannot_be_written_does_not_stop_the_play(project, tmp_path):
    outcome, _, events = play(project, events=tmp_path / "missing/events.jsonl")
    assert outcome.code == 0
    assert events == []


# -- the reader


def reader(path, **more):
    return TaskEvents(path, **{"run": "r", "subject": "s", "scrub": Scrubber(), **more})


def line(**more):
    fields = {"event": "task_started", "at": 1.0, "layer": "l", "task": "t", "path": "p", **more}
    return json.dumps(fields).encode() + b"\n"


@given(st.lists(st.integers(1, 40), max_size=30))
def test_lines_may_be_cut_anywhere(cuts):
    data = b"".join(line(task=f"t{number}") for number in range(5))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        follow = reader(path)
        tasks = []
        for cut in [*cuts, len(data)]:
            with path.open("ab") as file:
                file.write(data[:cut])
            data = data[cut:]
            tasks += [event.task for event in follow.poll()]
        tasks += [event.task for event in follow.finish()]
    assert tasks == [f"t{number}" for number in range(5)]


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path):
    follow = reader(tmp_path / "events.jsonl")
    assert list(follow.poll()) == []
    (tmp_path / "events.jsonl").write_bytes(line())
    assert len(list(follow.poll())) == 1
    assert list(follow.poll()) == []


def test_a_cut_off_or_unknown_line_is_counted_and_passed_over(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event":"from_the_future"}\nnot json\n' + line(task="good") + b'{"event":"task_st')
    follow = reader(path)
    assert [event.task for event in follow.finish()] == ["good"]
    assert follow.unreadable == 3


def test_a_whole_last_line_counts_without_its_newline(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(line().rstrip())
    assert len(list(reader(tmp_path / "events.jsonl").finish())) == 1


def test_secrets_are_masked_in_every_text(tmp_path):
    fields = {
        "event": "task_finished",
        "status": "failed",
        "seconds": 1.0,
        "message": "m hunter2",
        "output": "o hunter2",
    }
    (tmp_path / "events.jsonl").write_bytes(line(task="t hunter2", **fields))
    (event,) = reader(tmp_path / "events.jsonl", scrub=Scrubber(["hunter2"])).finish()
    assert "hunter2" not in str(event)
    assert event.message == "m ***"
