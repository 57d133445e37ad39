"""Whose a sandbox is: one server for each state folder, and none that outlives the tests that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cws_build.errors import InputError, ToolError
from cws_build.sandbox import process
from cws_build.sandbox.companion import VARIABLE, given
from cws_build.sandbox.ownership import own, owner
from sandbox import rig
from tests.project import ROOT


def alive(pid):
    """Tell whether a process runs; one that ended and that nobody has asked about yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_server_whose_note_is_lost_is_replaced_and_not_joined_by_another(tmp_path):
    with rig.running(tmp_path / "state") as sandbox:
        first = sandbox.status().pid
        (sandbox.state / "server.json").unlink()
        sandbox.up(rig.quiet)
        assert sandbox.status().pid != first
        assert not alive(first)


def test_down_stops_a_server_whose_note_is_lost(tmp_path):
    with rig.running(tmp_path / "state") as sandbox:
        pid = sandbox.status().pid
        (sandbox.state / "server.json").unlink()
        sandbox.down(rig.quiet)
        assert not alive(pid)


def test_a_state_folder_has_one_owner(tmp_path):
    assert owner(tmp_path) == 0
    held = own(tmp_path, 0)
    assert owner(tmp_path) == os.getpid()
    with pytest.raises(ToolError, match="another server"):
        own(tmp_path, 0)
    os.close(held)
    assert owner(tmp_path) == 0


def test_a_second_server_of_a_folder_does_not_start(tmp_path):
    """It gives up before it touches anything that carries the sandbox's id."""
    held = own(tmp_path, 0)
    words = [sys.executable, "-c", f"from cws_build.sandbox import server; server._PATIENCE = 0.1; {_MAIN}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*words, str(tmp_path)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    os.close(held)
    assert done.returncode != 0
    assert "another server of" in done.stderr
    assert not (tmp_path / "server.json").exists()


_MAIN = "import sys; raise SystemExit(server.main(['--state', sys.argv[1], '--id', 'abcdef01']))"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_sandbox_ends_with_its_companion(tmp_path, monkeypatch, end):
    companion = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        monkeypatch.setenv(VARIABLE, str(companion.pid))
        with rig.running(tmp_path / "state") as sandbox:
            server = sandbox.status().pid
            assert owner(sandbox.state) == server
            companion.send_signal(end)
            companion.wait()
            rig.until(lambda: not alive(server))
            assert process.alive(sandbox.state) is None
            monkeypatch.delenv(VARIABLE)
    finally:
        companion.kill()
        companion.wait()
        companion.stdin.close()


def test_sandboxes_of_tests_name_the_tests_as_their_companion(sandbox):
    words = Path(f"/proc/{sandbox.status().pid}/cmdline").read_bytes().split(b"\0")
    assert words[-3:-1] == [b"--with-process", str(os.getpid()).encode()]


def test_a_companion_is_a_process_that_runs():
    assert given({}) == given({VARIABLE: ""}) == 0
    assert given({VARIABLE: str(os.getpid())}) == os.getpid()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for word in (str(gone.pid), "-1", "me"):
        with pytest.raises(InputError, match="no such process"):
            given({VARIABLE: word})
