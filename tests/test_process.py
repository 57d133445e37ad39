"""Child processes: real ones, always."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cws_build.drivers.process import Command, Flag, Listener, Patience, capture, minimal_environment, run
from cws_build.errors import ToolError, ToolMissing

NEVER = Flag(raised=False)
READY = "import os, signal, sys\n"


def python(code, **more):
    return Command(argv=[sys.executable, "-c", READY + code], **more)


def heard():
    lines = []
    return lines, Listener(line=lambda stream, text: lines.append((stream, text)))


def test_lines_come_with_their_stream_and_the_last_one_needs_no_end():
    lines, listener = heard()
    outcome = run(python("print('a\\nb'); print('c', file=sys.stderr); print('d', end='')"), NEVER, listener)
    assert outcome.code == 0
    assert not outcome.interrupted
    assert [text for stream, text in lines if stream == "stdout"] == ["a", "b", "d"]
    assert ("stderr", "c") in lines
    assert set(outcome.tail) == {"a", "b", "c", "d"}


def test_a_very_long_line_arrives_whole():
    lines, listener = heard()
    run(python("print('x' * 5_000_000)"), NEVER, listener)
    assert lines == [("stdout", "x" * 5_000_000)]


def test_the_exit_code_and_the_scrubbed_tail_are_told():
    outcome = run(python("print('pass'); sys.exit(7)"), NEVER, Listener(scrub=lambda text: text.upper()))
    assert (outcome.code, outcome.tail) == (7, ("PASS",))


def test_the_child_gets_no_stdin_its_own_group_and_a_small_environment(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-outside")
    code = (
        "print(sys.stdin.read(), os.getpid() == os.getpgrp(), os.environ.get('AWS_SECRET_ACCESS_KEY'), os.environ['X'])"
    )
    _, text = capture(python(code, environment={"X": "given"}))
    assert text.split() == ["True", "None", "given"]
    first, _ = minimal_environment()["PATH"].split(os.pathsep, 1)
    assert first == os.path.dirname(sys.executable)  # noqa: PTH120  # PATH holds plain text


def test_a_missing_program_is_named(tmp_path):
    with pytest.raises(ToolMissing, match="no-such-tool"):
        run(Command(argv=["no-such-tool"]), NEVER, Listener())
    with pytest.raises(ToolMissing, match="missing"):
        run(Command(argv=[str(tmp_path / "missing")]), NEVER, Listener())


def test_a_relative_program_runs_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tool").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "sub").mkdir()
    _, text = capture(Command(argv=["./tool"], folder=tmp_path / "sub"))
    assert text.strip().endswith("/sub")


def cancelled(code, **patience):
    """Run a child that says "ready", and cancel it then."""
    cancel = threading.Event()
    lines = []

    def line(_stream, text):
        lines.append(text)
        cancel.set()

    outcome = run(python(code, patience=Patience(**patience)), cancel, Listener(line=line))
    return outcome, lines


def test_cancel_is_a_sigint_and_the_child_may_clean_up():
    code = (
        "signal.signal(signal.SIGINT, lambda *_: (print('cleaned'), sys.exit(3)))\n"
        "print('ready', flush=True)\nsignal.pause()"
    )
    outcome, lines = cancelled(code)
    assert (outcome.code, outcome.interrupted, lines) == (3, True, ["ready", "cleaned"])


def test_then_a_sigterm():
    code = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('ready', flush=True)\nsignal.pause()"
    outcome, _ = cancelled(code, interrupt=0.1)
    assert (outcome.code, outcome.interrupted) == (-signal.SIGTERM, True)


def test_then_a_sigkill():
    code = (
        "for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\n"
        "print('ready', flush=True)\nwhile True: signal.pause()"
    )
    outcome, _ = cancelled(code, interrupt=0.1, terminate=0.1)
    assert (outcome.code, outcome.interrupted) == (-signal.SIGKILL, True)


def test_a_child_without_streams_is_waited_for_and_can_be_cancelled():
    code = "os.close(1); os.close(2); signal.pause()"
    cancel = threading.Event()
    ticks = []

    def tick():
        ticks.append(1)
        if len(ticks) > 3:
            cancel.set()

    outcome = run(python(code), cancel, Listener(tick=tick))
    assert outcome.interrupted


def test_a_descendant_that_keeps_the_streams_does_not_hold_us():
    # As ssh's ControlPersist does.
    lines, listener = heard()
    code = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session=True)\n"
        "print(child.pid)"
    )
    outcome = run(python(code), NEVER, listener)
    os.kill(int(lines[0][1]), signal.SIGKILL)
    assert outcome.code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_cancel_finds_descendants_in_sessions_of_their_own():
    # As Ansible's workers are.
    code = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session=True)\n"
        "print(child.pid, flush=True)\nsignal.pause()"
    )
    _, lines = cancelled(code)
    try:
        left = Path(f"/proc/{lines[0]}/environ").read_bytes()
    except OSError:
        left = b""
    assert left == b""  # a process that ended and that nobody has asked about yet has none, either


def test_a_listener_that_fails_ends_the_child_in_order(tmp_path):
    mark = tmp_path / "cleaned"
    code = (
        f"signal.signal(signal.SIGINT, lambda *_: (open({str(mark)!r}, 'w').close(), sys.exit(1)))\n"
        "print('ready', flush=True)\nsignal.pause()"
    )

    def line(_stream, _text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(python(code), NEVER, Listener(line=line))
    assert mark.exists()


def test_a_question_that_is_never_answered_ends():
    with pytest.raises(ToolError, match="did not answer"):
        capture(python("signal.pause()"), timeout=0.2)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv of util-linux, Linux only")
def test_when_we_are_killed_the_child_hears_of_it_and_can_still_speak(tmp_path):
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    child = (
        READY
        + "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"  # no handler: it could come before a pause
        "print('ready', flush=True)\nsignal.sigwait([signal.SIGTERM])\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"  # a Go program dies of it, too
        "print('x' * 2_000, flush=True)\n"
        f"open({str(pipe)!r}, 'w').write('cleaned')"
    )
    parent = (
        "import sys, os, signal\n"
        "from cws_build.drivers.process import *\n"
        "run(Command(argv=[sys.executable, '-c', sys.argv[1]]), Flag(raised=False),"
        " Listener(line=lambda *_: os.kill(os.getpid(), signal.SIGKILL)))"
    )
    killed = subprocess.run([sys.executable, "-c", parent, child], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert pipe.read_text() == "cleaned"
