"""A command at a terminal of its own: what it asks, and what a person answers."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from tests.e2e.baking import FAST


def talk(box, *words, answer, libraries=(FAST,)):
    """Run a command at a terminal, give one answer as soon as it asks, and return its code and all that it said."""
    ours, theirs = pty.openpty()
    named = [word for library in libraries for word in ("--library", str(library))]
    argv = [sys.executable, "-m", "cws_build", "--sandbox", *named, *map(str, words)]
    environment = box.environment | {"TERM": "dumb", "COLUMNS": "100"}
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd="/") as process:
        os.close(theirs)
        said = _converse(ours, answer)
    os.close(ours)
    return process.returncode, said.replace("\r\n", "\n")


def _converse(terminal, answer):
    said, answered = b"", False
    while True:
        try:
            said += os.read(terminal, 65536)
        except OSError:  # Linux says so when the last process has closed the other end
            return said.decode()
        if not answered and b"[y/N]: " in said:
            os.write(terminal, answer.encode() + b"\n")
            answered = True
