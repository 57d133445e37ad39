"""What plugin authors test with: the fixtures, used as the guide shows them, and fakes that answer as EC2 does."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points

import pytest

from cws_build.actions.question import Asked
from cws_build.errors import CloudError, InputError
from cws_build.model.image import ImageQuery
from cws_build.ports.lookup import Lookup, Question
from cws_build.testing.account import OWN, STRANGER, FakeAccount, FakeRegion
from cws_build.testing.make import question
from cws_build.testing.question import FakeQuestion
from tests.project import ROOT

GUIDE = (ROOT / "docs" / "plugin-testing.md").read_text()
EXAMPLES = dict(re.findall(r"```python (\S+)\n(.*?)```", GUIDE, re.DOTALL))
PLUGIN = "cws_build.testing.fixtures"


def test_the_guides_tests_pass_as_they_stand_there(tmp_path):
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text)
    installed = entry_points(group="pytest11", name="cws_build")
    words = [] if installed else ["-p", PLUGIN]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, *words, tmp_path],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout or "skipped" in done.stdout


def test_pytest_finds_the_fixtures_by_the_entry_point():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"cws_build": PLUGIN}


@pytest.mark.parametrize(("fake", "port"), [(FakeRegion, Lookup), (FakeQuestion, Question), (Asked, Question)])
def test_a_fake_has_whatever_its_port_has(fake, port):
    made = fake("eu-west-1") if fake is FakeRegion else fake
    known = set(dir(made)) | set(getattr(fake, "__annotations__", {}))
    known |= {"region", "strategy", "wanted"}  # set when one is made
    assert {name for name in vars(port) if not name.startswith("_")} <= known


def test_a_region_keeps_state():
    region = FakeAccount().lookup("eu-west-1")
    ami = region.add(name="lab-1")
    query = ImageQuery(owners=("self",), names=("lab-*",))
    assert region.images(query) == [ami]
    region.change(ami, state="pending")
    assert region.images(query) == []
    assert region.fate(ami.id).ami.state == "pending"
    region.deregister(ami, recycle=True)
    assert region.images(ImageQuery(ids=(ami.id,), states=())) == []
    assert region.recycled(ami.id)
    assert region.asked[0] == query


def test_owners_are_kept_apart_and_a_search_needs_one():
    region = FakeAccount().lookup()
    mine, theirs = region.add(), region.add(owner=STRANGER, alias="amazon")
    find = lambda *owners: region.images(ImageQuery(owners=owners))  # noqa: E731  a word for one test
    assert (find("self"), find(OWN), find(STRANGER), find("amazon")) == ([mine], [mine], [theirs], [theirs])
    with pytest.raises(InputError, match="needs an owner"):
        region.images(ImageQuery(names=("*",)))


def test_deprecated_images_of_others_must_be_asked_for():
    region = FakeAccount().lookup()
    old = {"deprecated": "2026-11-01T00:00:00.000Z"}
    mine, theirs = region.add(**old), region.add(owner=STRANGER, **old)
    query = ImageQuery(owners=("self", STRANGER))
    assert region.images(query) == [mine]
    assert region.images(ImageQuery(owners=("self", STRANGER), deprecated=True)) == [mine, theirs]
    assert region.images(ImageQuery(ids=(theirs.id,))) == [theirs]


def test_a_refusal_carries_awss_code():
    region = FakeAccount().lookup()
    region.refuse("AuthFailure")
    for call in (lambda: region.parameter("x"), lambda: region.snapshots(["snap-1"]), region.account, region.allowed):
        with pytest.raises(CloudError) as caught:
            call()
        assert caught.value.details["aws_code"] == "AuthFailure"


def test_a_question_needs_a_template_that_exists():
    with pytest.raises(InputError):
        question("no-such-template")
