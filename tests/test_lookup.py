"""Remembered answers: how long they are believed, by whom, and what makes them be forgotten."""

from __future__ import annotations

import functools
import json
import os
import threading

import pytest

from cws_build.drivers.lookup import Lookups
from cws_build.drivers.lookup_identity import Whose, configured_region, of_aws, of_sandbox
from cws_build.model.durations import seconds_of
from cws_build.model.image import ImageQuery
from tests.project import python
from tests.world import Account

MINE = ImageQuery(owners=("self",))


class Opened:
    """An account that counts how often it was opened."""

    def __init__(self):
        self.account = Account()
        self.times = 0

    def __call__(self):
        self.times += 1
        return self.account


@pytest.fixture
def opened():
    found = Opened()
    found.account.cloud().add("ami-1")
    return found


def lookups(folder, opened, *, minutes=5.0, who="ada", region="us-east-1"):
    return Lookups(folder, minutes, lambda: Whose(who, region), opened)


def test_a_second_question_opens_nothing(tmp_path, opened):
    first = lookups(tmp_path, opened).region()
    assert [ami.id for ami in first.images(MINE)] == ["ami-1"]
    assert first.parameter("/p") is None
    assert opened.times == 1
    second = lookups(tmp_path, opened).region("us-east-1")
    assert [ami.id for ami in second.images(MINE)] == ["ami-1"]
    assert second.parameter("/p") is None
    assert opened.times == 1
    assert len(opened.account.cloud().asked) == 1


@pytest.mark.parametrize("change", [{"who": "grace"}, {"minutes": 0.0}, {"region": "eu-west-1"}])
def test_whose_memory_it_is_and_how_long_it_lasts(tmp_path, opened, change):
    lookups(tmp_path, opened).region().images(MINE)
    lookups(tmp_path, opened, **change).region().images(MINE)
    assert sum(len(region.asked) for region in opened.account.regions.values()) == 2


def test_another_question_is_another_answer(tmp_path, opened):
    region = lookups(tmp_path, opened).region()
    assert region.images(ImageQuery(ids=("ami-2",))) == []
    assert [ami.id for ami in region.images(ImageQuery(ids=("ami-1",)))] == ["ami-1"]
    assert region.fate("ami-1").ami.id == "ami-1"
    assert region.fate("ami-2").ami is None
    assert region.snapshots(["snap-1"]) == {"snap-1"}
    assert region.subscribed("prod-1") is None
    assert region.allowed().state == "disabled"
    assert region.recycled("ami-1") is False
    assert region.account() == "123456789012"


def test_what_is_forgotten_is_asked_again(tmp_path, opened):
    region = lookups(tmp_path, opened).region()
    other = lookups(tmp_path, opened).region("eu-west-1")
    region.images(MINE)
    other.images(MINE)
    lookups(tmp_path, opened).region().forget()
    opened.account.cloud().add("ami-2")
    assert len(region.images(MINE)) == 2
    other.images(MINE)
    assert len(opened.account.cloud("eu-west-1").asked) == 1


def test_an_answer_that_was_under_way_when_all_was_forgotten_is_not_believed(tmp_path, opened):
    region = lookups(tmp_path, opened).region()
    cloud, asked = opened.account.cloud(), opened.account.cloud().images

    def slow(query):
        answer = asked(query)
        region.forget()
        cloud.add("ami-2")
        return answer

    cloud.images = slow
    assert len(region.images(MINE)) == 1
    cloud.images = asked
    assert len(region.images(MINE)) == 2


@pytest.mark.parametrize("fate", ["gone", "deprecated"])
def test_a_parameter_is_dropped_when_its_image_is_gone(tmp_path, opened, fate):
    cloud = opened.account.cloud()
    cloud.parameters["/p"] = "ami-1"
    lookups(tmp_path, opened).region().parameter("/p")
    cloud.parameters["/p"] = "ami-2"
    region = lookups(tmp_path, opened).region()
    assert region.parameter("/p") == "ami-1"
    cloud.stock.clear()
    if fate == "deprecated":
        cloud.add("ami-1", deprecated="2020-01-01T00:00:00.000Z")
    region.images(ImageQuery(ids=("ami-1",)))
    assert region.parameter("/p") == "ami-2"


def test_a_parameter_stays_while_its_image_is_there(tmp_path, opened):
    cloud = opened.account.cloud()
    cloud.parameters["/p"] = "ami-1"
    region = lookups(tmp_path, opened).region()
    region.parameter("/p")
    cloud.parameters["/p"] = "ami-2"
    region.images(ImageQuery(ids=("ami-1",)))
    assert region.parameter("/p") == "ami-1"


@pytest.mark.parametrize("content", [b"", b"{", b"[1,2,3]", b"[1e99, []]", b'[9e9, "text"]', b"\xff"])
def test_a_damaged_memory_is_none(tmp_path, opened, content):
    lookups(tmp_path, opened).region().images(MINE)
    (file,) = tmp_path.glob("*/*/images-*.json")
    file.write_bytes(content)
    assert len(lookups(tmp_path, opened).region().images(MINE)) == 1
    assert len(opened.account.cloud().asked) == 2


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, opened):
    (tmp_path / "file").write_text("")
    region = lookups(tmp_path / "file", opened).region()
    assert len(region.images(MINE)) == 1
    region.forget()


def test_many_at_once(tmp_path, opened):
    region = lookups(tmp_path, opened).region()
    wrong, start = [], threading.Barrier(8)

    def work(number):
        start.wait()
        for round_ in range(20):
            if number == 0:
                region.forget()
            if len(lookups(tmp_path, opened).region().images(MINE)) != 1:
                wrong.append((number, round_))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert not list(tmp_path.rglob(".new-*"))


def test_regions_that_are_asked_at_once_open_one_account(tmp_path, opened):
    second = threading.Thread(target=lambda: found.region("eu-west-1").images(MINE), daemon=True)
    first = []

    def slow():
        if not first:
            first.append("opening")
            second.start()
            second.join(timeout=0.3)  # for as long as it waits for this one
        return opened()

    found = Lookups(tmp_path, 5.0, lambda: Whose("ada", "us-east-1"), functools.cache(slow))
    found.region().images(MINE)
    second.join()
    assert opened.times == 1


def test_old_memories_are_swept(tmp_path, opened):
    old = tmp_path / "somebody" / "us-east-1"
    old.mkdir(parents=True)
    os.utime(tmp_path / "somebody", (0, 0))
    lookups(tmp_path, opened).region().images(MINE)
    assert not old.exists()


# --- whose it is


def test_accounts_are_told_apart_by_everything_but_the_secrets(home, monkeypatch):  # noqa: ARG001
    names = {of_aws("", "us-east-1").who, of_aws("lab", "us-east-1").who}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA1")
    names.add(of_aws("", "us-east-1").who)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    names.add(of_aws("", "us-east-1").who)
    assert len(names) == 3


def test_the_default_region_needs_no_session(home, monkeypatch):
    assert configured_region("") == ""
    (home / "home" / ".aws").mkdir(parents=True)
    text = "[default]\nregion = eu-west-1\n[profile lab]\nregion=eu-north-1\n"
    (home / "home" / ".aws" / "config").write_text(text)
    assert (configured_region(""), configured_region("lab"), configured_region("other")) == (
        "eu-west-1",
        "eu-north-1",
        "",
    )
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert configured_region("lab") == "us-west-2"
    monkeypatch.setenv("AWS_REGION", "us-west-1")
    assert of_aws("lab", "").region == "us-west-1"
    assert of_aws("lab", "sa-east-1").region == "sa-east-1"
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (home / "home" / ".aws" / "config").write_text("[[[\n")
    assert configured_region("") == ""


def test_a_sandbox_that_was_started_anew_is_another_account(tmp_path):
    assert of_sandbox(tmp_path, "us-east-1") == Whose("", "us-east-1")
    names = set()
    for started in (1.0, 2.0):
        arrival = {"id": "x", "pid": os.getpid(), "url": "http://127.0.0.1:1", "started": started}
        (tmp_path / "server.json").write_text(json.dumps(arrival))
        names.add(of_sandbox(tmp_path, "us-east-1").who)
    assert len(names) == 2
    (tmp_path / "server.json").write_text('{"pid": "x"}')
    assert of_sandbox(tmp_path, "us-east-1").who == ""


def test_the_sandbox_is_started_when_its_memory_is_asked_for(tmp_path, opened):
    who = []
    account = lambda: who.append("now it runs") or opened()  # noqa: E731
    found = Lookups(tmp_path, 5.0, lambda: Whose("".join(who), "us-east-1"), account)
    assert len(found.region().images(MINE)) == 1
    assert (tmp_path / "now it runs" / "us-east-1").is_dir()


RESOLVE = """
import sys
from cws_build.drivers.lookup import Lookups
from cws_build.drivers.lookup_identity import Whose
from cws_build.model.image import ImageQuery
from pathlib import Path
def account():
    raise SystemExit("it was opened")
region = Lookups(Path(sys.argv[1]), 5.0, lambda: Whose("ada", "us-east-1"), account).region()
assert [ami.id for ami in region.images(ImageQuery(owners=("self",)))] == ["ami-1"]
print(*(name for name in ("boto3", "botocore", "urllib3") if name in sys.modules))
"""


def test_memory_is_shared_with_other_processes_and_loads_no_botocore(tmp_path, opened):
    lookups(tmp_path, opened).region().images(MINE)
    done = python(RESOLVE, str(tmp_path))
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), ("250ms", 0.25), (".5h", 1800), ("+2s", 2), ("0", None)]
    + [(text, None) for text in ("", "ten", "-5m", "5", "5 m", "m")],
)
def test_durations_of_go(text, seconds):
    assert seconds_of(text) == seconds
