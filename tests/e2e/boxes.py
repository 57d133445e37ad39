"""A sandbox with machines for some tests; it is gone at the end, whatever happened."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from cws_build.drivers.packer import PackerCli
from cws_build.errors import ToolMissing
from cws_build.sandbox.requirements import missing
from tests.e2e.baking import Box


def _lacking():
    found = [need.sentence for need in missing()]
    try:
        PackerCli().version()
    except ToolMissing as error:
        found.append(error.message)
    return found


@contextmanager
def sandbox(folder):
    """Run a sandbox whose commands work in a folder; skip the test that asks where there can be none."""
    lacking = _lacking()
    if lacking:
        pytest.skip("; ".join(lacking))
    # Sockets lie below the state folder, and their paths must be short.
    state = Path(tempfile.mkdtemp(prefix="cws-", dir="/tmp"))
    box = Box(state, folder)
    try:
        up = box.cws("sandbox", "up")
        assert up.code == 0, up.out
        yield box
    finally:
        box.cws("sandbox", "reset")
        shutil.rmtree(state, ignore_errors=True)
