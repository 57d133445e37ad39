"""One sandbox for all tests that bake; it is gone at the end, whatever happened."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from cws_build.drivers.packer import PackerCli
from cws_build.errors import ToolMissing
from cws_build.sandbox.requirements import missing
from tests.e2e.baking import Box, Lab


def _lacking():
    found = [need.sentence for need in missing()]
    try:
        PackerCli().version()
    except ToolMissing as error:
        found.append(error.message)
    return found


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    """A sandbox with machines."""
    lacking = _lacking()
    if lacking:
        pytest.skip("; ".join(lacking))
    # Sockets lie below the state folder, and their paths must be short.
    state = Path(tempfile.mkdtemp(prefix="cws-", dir="/tmp"))
    box = Box(state, tmp_path_factory.mktemp("work"))
    try:
        up = box.cws("sandbox", "up")
        assert up.code == 0, up.out
        yield box
    finally:
        box.cws("sandbox", "reset")
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def lab(tmp_path):
    """A library of the test's own."""
    return Lab(tmp_path / "lab")


@pytest.fixture
def before(box):
    """What is in the sandbox before the test."""
    return box.resources()
