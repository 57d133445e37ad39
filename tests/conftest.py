"""What tests of the command line share: a home of their own, and the command, run in this process."""

from __future__ import annotations

import os
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import settings

from cws_build.frontends.cli import main
from tests.copying import bake, clear, sandbox_context
from tests.project import document
from tests.sandbox.rig import running
from tests.stores import databases, fresh_database, postgres  # noqa: F401  fixtures for every test

# No test asserts how long something took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


MOST_WORKERS = 5
"""Each worker may have three sandboxes at a time, and there are addresses for sixteen."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Use half as many workers again as there are processors: tests with machines wait for these half of the time."""
    return min(MOST_WORKERS, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that no worker is left alone with one of them at the end.

    How long the tests with machines of a file may take says which these are; all others are quick.
    """
    longest: Counter[object] = Counter()
    for item in items:
        timeout = item.get_closest_marker("timeout")
        if item.get_closest_marker("machines") and timeout:
            longest[item.path] += timeout.args[0]
    items.sort(key=lambda item: -longest[item.path])


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON document on stdout."""
        return document(self.out)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Work in an empty folder, with a home, a state folder and an environment that know of nothing else."""
    for name in os.environ:
        if name.startswith(("CWS_BUILD_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("CWS_BUILD_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CWS_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def cws(home, capfd):  # noqa: ARG001  a command needs the home
    """Return a function that runs one command and tells how it ended."""

    def run(*words):
        capfd.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as done:  # --help and --version
            code = done.code
        return Done(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """Run a sandbox without machines for one file of tests."""
    with running(tmp_path_factory.mktemp("box") / "sandbox") as found:
        yield found


@pytest.fixture
def events():
    """Return what was told, in order."""
    return []


@pytest.fixture
def ctx(box, home, events):
    """Return a context in the sandbox; what the test leaves there is removed."""
    yield sandbox_context(box, home / "state", emit=events.append)
    clear(box)


@pytest.fixture
def master(box, ctx):  # noqa: ARG001  what the test leaves is cleared by the context
    """Register an image as a bake of ``studio`` leaves it, and return its id."""
    return bake(box, "cws/studio/1.0.0")
