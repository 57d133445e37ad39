"""One sandbox for all tests that bake, and what follows a test that failed in it."""

from __future__ import annotations

import pytest

from tests.e2e import boxes
from tests.e2e.baking import Lab


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    """A sandbox with machines."""
    with boxes.sandbox(tmp_path_factory.mktemp("work")) as box:
        yield box


@pytest.fixture
def lab(tmp_path):
    """A library of the test's own."""
    return Lab(tmp_path / "lab")


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Note whether a test failed, for what follows it."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def mended(box, request):
    """Whatever a test broke, the next one begins with a sandbox that works, and with nothing under way."""
    yield
    box.mend()
    if request.node.stash.get(FAILED, False):
        box.recover()
    box.forget()


@pytest.fixture
def before(box):
    """What is in the sandbox before the test."""
    return box.settled()
