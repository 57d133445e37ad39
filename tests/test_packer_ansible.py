"""A playbook inside real Packers, over ssh to a throw-away sshd: its events arrive while it runs."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from cws_build.drivers.packer import PackerCli
from cws_build.model.events import TaskFinished, TaskStarted
from cws_build.model.failures import explain
from cws_build.ports import BuildRequest

HERE = Path(__file__).parent
PROJECT = HERE / "data/packer/project"
PLUGIN = HERE.parent / "playbooks/callback_plugins/cws_events.py"
BUILT = HERE.parent / ".build/packer/packer"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@pytest.fixture
def machine(tmp_path):
    """A throw-away sshd on loopback: what Packer and Ansible log in to."""
    if SSHD is None:
        pytest.skip("sshd is not installed")
    for name in ("host", "user"):
        subprocess.run(
            [shutil.which("ssh-keygen") or "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name],
            check=True,
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    argv = [SSHD, "-D", "-e", "-f", str(config)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        assert any("Server listening" in text for text in server.stderr)
        yield {"port": port, "user": getpass.getuser(), "key": str(tmp_path / "user")}
        server.terminate()


@pytest.fixture(params=["installed", "built"])
def packer(request):
    executable = shutil.which("packer") if request.param == "installed" else str(BUILT)
    if executable is None or (request.param == "built" and not (BUILT.parent / "plugins").is_dir()):
        pytest.skip(f"no {request.param} packer")
    return PackerCli(executable)


@pytest.fixture
def request_for(tmp_path, machine):
    def make(extra):
        project, folder = tmp_path / "project", tmp_path / "packer"
        shutil.copytree(PROJECT, project)
        (project / "callback_plugins").mkdir()
        shutil.copy(PLUGIN, project / "callback_plugins")
        folder.mkdir()
        shutil.copy(HERE / "data/packer/over-ssh.pkr.hcl.txt", folder / "build.pkr.hcl")
        variables = tmp_path / "run.pkrvars.json"
        playbook = {"playbook": str(project / "playbook.yml"), "extra": ["-e", extra]}
        variables.write_bytes(msgspec.json.encode({**machine, **playbook}))
        return BuildRequest(
            folder=folder,
            variables=variables,
            environment={},
            run="r-1",
            subject="s",
            log=tmp_path / "packer.log",
            events=tmp_path / "events.jsonl",
        )

    return make


def test_events_arrive_live_from_inside_packer(packer, request_for):
    request = request_for("fails=7")
    events = []
    packer.validate(request)
    report = packer.build(request, events.append, threading.Event())
    assert report.outcome.code == 1
    (task,) = [event for event in events if isinstance(event, TaskFinished) and event.task == "Install things"]
    assert (task.status, task.path) == ("failed", "roles/second/tasks/main.yml:13")
    known = explain(report.errors)
    assert known is not None
    assert known.code == "task_failed"
    order = [getattr(event, "text", getattr(event, "task", "")) for event in events]
    recap = next(number for number, text in enumerate(order) if "PLAY RECAP" in text)
    assert order.index("Install things") < recap
    assert "hush-hush" not in str(events)
    assert "\x1b" not in request.log.read_text()


def carriers(events):
    """Return the playbook's processes: they carry the events file's path in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"CWS_EVENTS={events}".encode() in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found += [command] if "ansible-playbook" in command else []
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_cancel_reaches_the_playbook_too(packer, request_for):
    cancel = threading.Event()

    def emit(event):
        if isinstance(event, TaskStarted) and event.task == "Take long":
            cancel.set()

    request = request_for("long=600")  # far longer than the test may take
    report = packer.build(request, emit, cancel)
    assert report.outcome.interrupted
    assert carriers(request.events) == []
