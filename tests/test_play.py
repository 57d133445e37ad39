"""Playbooks through ansible-runner, on this computer itself: what is told, what is kept, and what is left running."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest

from cws_build.drivers.ansible import RunnerAnsible
from cws_build.drivers.descendants import marked
from cws_build.drivers.tool_home import ToolHome
from cws_build.model.events import LayerFinished, TaskFinished, ToolLine
from cws_build.ports.machines import Playbook
from cws_build.render import _ANSIBLE_CFG
from tests.project import ROOT
from tests.sandbox.rig import until

pytestmark = pytest.mark.skipif(
    not (shutil.which("ansible-playbook") or shutil.which("ansible-playbook", path=sys.exec_prefix + "/bin")),
    reason="Ansible is not installed",
)
SECRET = "hunter2-and-more"


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Return a context that starts one layer of tasks; it gives the play and the events."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-user")
    monkeypatch.setenv("CWS_TEST_LEAK", "of-the-user-too")
    role = tmp_path / "work" / "project" / "roles" / "one" / "tasks"
    role.mkdir(parents=True)
    for name in ("inventory", "env"):
        (tmp_path / "work" / name).mkdir()
    project = tmp_path / "work" / "project"
    (project / "ansible.cfg").write_text(_ANSIBLE_CFG)
    shutil.copytree(ROOT / "playbooks" / "callback_plugins", project / "callback_plugins")
    include = [{"name": "layer 1/1 one", "ansible.builtin.include_role": {"name": "one"}}]
    plays = [{"hosts": "all", "gather_facts": False, "tasks": include}]
    (project / "playbook.yml").write_text(json.dumps(plays))
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "work" / "inventory" / "hosts.json").write_text(json.dumps({"all": {"hosts": {"here": host}}}))
    settings = {"pexpect_timeout": 1, "suppress_output_file": True}
    (tmp_path / "work" / "env" / "settings").write_text(json.dumps(settings))

    @contextlib.contextmanager
    def begun(*tasks, on_event=lambda _event: None):
        (role / "main.yml").write_text(json.dumps([{"name": f"task {n}", **task} for n, task in enumerate(tasks)]))
        told = []

        def emit(event):
            told.append(event)
            on_event(event)

        playbook = Playbook(
            workspace=tmp_path / "work",
            run="r1",
            subject="mine",
            secrets=(SECRET,),
            events=tmp_path / "tasks.jsonl",
            log=tmp_path / "ansible.log",
        )
        with RunnerAnsible().begin(playbook, emit) as started:
            yield started, told

    return begun


@pytest.fixture
def play(begun):
    """Return a function that runs one layer of tasks; it returns the outcome and the events."""

    def run(*tasks, cancel=None, **options):
        with begun(*tasks, **options) as (started, told):
            return started.run(cancel or threading.Event()), told

    return run


def command(*words, **more):
    return {"ansible.builtin.command": {"argv": list(words)}, **more}


def test_a_play_is_told_and_keeps_nothing_to_itself(play, tmp_path):
    handlers = [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)]
    shown = {"ansible.builtin.debug": {"msg": "{{ printed.stdout }}"}}
    outcome, told = play(command("env", register="printed"), shown, command("echo", SECRET, register="printed"), shown)
    assert (outcome.code, outcome.interrupted) == (0, False)
    assert [event.layer for event in told if isinstance(event, LayerFinished)] == ["one"]
    finished = [event for event in told if isinstance(event, TaskFinished)]
    assert [(event.task, event.status) for event in finished][:2] == [("task 0", "changed"), ("task 1", "ok")]
    assert all((event.run, event.subject) == ("r1", "mine") for event in told)
    printed = "\n".join(event.text for event in told if isinstance(event, ToolLine))
    assert "task 1" in printed
    assert "CWS_CHILD=" in printed
    ours = {"roles", "callback_plugins"}
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not ours.intersection(path.parts)]
    for said in (printed.encode(), *(path.read_bytes() for path in files)):
        assert b"of-the-user" not in said
        assert SECRET.encode() not in said
    assert not (tmp_path / "work" / "artifacts").exists()
    assert [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_what_a_killed_play_would_leave_can_be_found_from_its_run(play, tmp_path):
    homes = set()
    outcome, told = play(
        command("env", register="printed"),
        {"ansible.builtin.debug": {"msg": "{{ printed.stdout }}"}},
        on_event=lambda _event: homes.add(ToolHome(tmp_path).temporary),
    )
    assert outcome.code == 0
    (home,) = homes
    assert any(f"ANSIBLE_HOME={home}" in event.text for event in told if isinstance(event, ToolLine))
    assert not home.exists()


def waiting(folder):
    """Return the processes that stand at a play's gate."""
    gate = ToolHome(folder).temporary / "gate"
    found = []
    for pid in marked(f"CWS_GATE={gate}"):
        with contextlib.suppress(OSError):
            found += [pid for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.readlink() == gate]
    return found


def test_a_play_waits_for_its_machine(begun, tmp_path):
    shown = {"ansible.builtin.debug": {"msg": "{{ named }}"}}
    named = tmp_path / "work" / "inventory" / "host_vars" / "here.json"
    named.parent.mkdir()
    named.write_text('{"named": "an earlier machine of the same run"}')
    with begun(shown) as (started, told):
        until(lambda: waiting(tmp_path))
        named.write_text('{"named": "only now"}')
        assert started.run(threading.Event()).code == 0
    assert any("only now" in event.text for event in told if isinstance(event, ToolLine))


def test_a_play_that_is_never_run_leaves_nothing(begun, tmp_path):
    with begun(command("touch", str(tmp_path / "touched"))) as (_started, told):
        until(lambda: waiting(tmp_path))
        (pid,) = waiting(tmp_path)
    assert not Path(f"/proc/{pid}").exists()
    assert not (tmp_path / "touched").exists()
    assert told == []
    assert not ToolHome(tmp_path).temporary.exists()


def test_a_play_that_is_given_up_at_once_leaves_nothing(begun, tmp_path):
    with begun(command("touch", str(tmp_path / "touched"))):
        home = ToolHome(tmp_path).temporary
    assert marked(f"ANSIBLE_HOME={home}") == []
    assert not home.exists()
    assert "ansible-runner" not in {thread.name for thread in threading.enumerate()}


def test_a_task_that_fails_is_told_once(play):
    outcome, told = play(command("sh", "-c", "echo sorry; exit 3"))
    assert outcome.code == 2
    (failed,) = [event for event in told if isinstance(event, TaskFinished) and event.status == "failed"]
    assert "sorry" in failed.message
    assert failed.path == "roles/one/tasks/main.yml:1"


def test_an_interrupt_ends_the_playbook_and_its_children(play):
    cancel, marks, begun = threading.Event(), [], []

    def watch(event):
        if isinstance(event, ToolLine) and "CWS_CHILD=" in event.text:
            marks.append(re.search("CWS_CHILD=[0-9a-f]+", event.text)[0])
        if getattr(event, "task", "") == "task 2":
            begun.append(event)
        if marks and begun and not cancel.is_set():
            assert marked(marks[0])
            cancel.set()

    env = command("sh", "-c", "echo CWS_CHILD=$CWS_CHILD", register="printed")
    shown = {"ansible.builtin.debug": {"msg": "{{ printed.stdout }}"}}
    outcome, _ = play(env, shown, command("sleep", "600"), on_event=watch, cancel=cancel)
    assert outcome.interrupted
    assert marks
    assert marked(marks[0]) == []


def test_a_playbook_that_is_none(play, tmp_path):
    (tmp_path / "work" / "project" / "playbook.yml").unlink()
    outcome, _ = play(command("true"))
    assert outcome.code
    assert "playbook.yml" in " ".join(outcome.tail)
