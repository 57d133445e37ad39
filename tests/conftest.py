"""What tests of the command line share: a home of their own, and the command, run in this process."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest
from hypothesis import settings

from cws_build.frontends.cli import main
from tests.project import document

# No test asserts how long something took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


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
