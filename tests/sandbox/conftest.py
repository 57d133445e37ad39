"""A sandbox for each file of tests, and a client of it in its first region."""

from __future__ import annotations

import pytest

from . import rig


@pytest.fixture(scope="module")
def machines():
    """Tell whether machines stand behind the instances; files that need them say so."""
    return False


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, machines):
    """Run a sandbox for one file of tests."""
    with rig.running(tmp_path_factory.mktemp("state") / "sandbox", machines=machines) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def ec2(sandbox):
    """Return a client of EC2 in us-east-1."""
    return rig.client(sandbox)
