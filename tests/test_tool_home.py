"""Packer's folders: short enough for its sockets, and gone when the run is over, however it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cws_build.drivers.runs import DiskRuns
from cws_build.drivers.tool_home import ToolHome
from cws_build.ports import RunInfo

LONG = "a-run-with-a-name-that-leaves-no-room-for-the-path-of-a-socket"
KILLED = """
import os, signal, sys
from pathlib import Path
from cws_build.drivers.tool_home import ToolHome
with ToolHome(Path(sys.argv[1])) as home:
    (home.temporary / "socket").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def info(ident):
    return RunInfo(id=ident, verb="bake", subject="s", account="aws", region="us-east-1")


def killed_in(folder):
    """Let a process die in the middle; return the temporary folder that it had."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    temporary = (folder / "tool-home" / "tmp").readlink()
    assert (temporary / "socket").exists()
    return temporary


def test_a_short_path_stays_in_the_run():
    with tempfile.TemporaryDirectory(prefix="cws-", dir="/tmp") as short:
        with ToolHome(Path(short)) as home:
            assert home.temporary == Path(short) / "tool-home" / "tmp"
            assert home.temporary.is_dir()
        assert not home.temporary.exists()


def test_a_long_path_is_linked_to_a_short_one_of_our_own(tmp_path):
    with ToolHome(tmp_path / LONG) as home:
        assert len(str(home.temporary)) < len(str(tmp_path / LONG))
        assert home.temporary.stat().st_mode & 0o777 == 0o700
        (home.temporary / "socket").touch()
        short = home.temporary
    assert not short.exists()
    assert not os.path.lexists(tmp_path / LONG / "tool-home" / "tmp")


@pytest.mark.parametrize("end", ["reaped", "finished"])
def test_what_a_killed_process_left_goes_with_its_run(tmp_path, end):
    runs = DiskRuns(tmp_path)
    with runs.begin(info(LONG)) as run:
        temporary = killed_in(run.folder)
        if end == "finished":
            run.finish("failed")
    for past in runs.past() if end == "reaped" else []:
        runs.forget(past)
    assert not temporary.exists()
    assert not (run.folder / "tool-home").exists()


def test_the_next_use_of_a_run_finds_what_the_last_one_lost(tmp_path):
    temporary = killed_in(tmp_path / LONG)
    with ToolHome(tmp_path / LONG) as home:
        assert home.temporary != temporary
        assert not temporary.exists()


def test_what_still_listens_there_ends_with_it(tmp_path):
    with ToolHome(tmp_path) as home:
        words = ["/bin/sh", "-c", "echo; sleep 600; :", f"ssh: {home.connections}/1a2b3c [mux]"]
        master = subprocess.Popen(words, stdout=subprocess.PIPE)
        master.stdout.readline()  # before, its command line may still be empty
    master.stdout.close()
    assert master.wait(10) == -signal.SIGTERM
