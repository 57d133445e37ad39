"""The stream parser, against recorded streams of Packer 1.6.6 and against everything else it could be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.drivers.packer_stream import Harvest, Record, bare, parse, serialise
from cws_build.model.events import ResourceSeen, ToolLine
from cws_build.model.scrub import Scrubber
from cws_build.ports import Artifact

STREAMS = Path(__file__).parent / "data/packer"
DATA = st.text().filter(
    lambda text: "\\n" not in text and "\\r" not in text and "%!(" not in text and not text.endswith("\\")
)
WORD = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)
RECORDS = st.builds(
    Record,
    at=st.integers(0, 2**40),
    target=WORD | st.just(""),
    kind=WORD,
    data=st.lists(DATA, max_size=5).map(tuple),
)


def harvested(name):
    harvest = Harvest("eu-west-1")
    lines = (STREAMS / f"{name}.txt").read_text().splitlines()
    records = [record for line in lines if (record := parse(line))]
    assert len(records) == len(lines)
    events = [event for record in records for event in harvest.take(record)]
    return harvest, events


@given(RECORDS)
def test_what_packer_writes_is_read_back(record):
    line = serialise(record)
    assert "\n" not in line
    assert "\r" not in line
    assert parse(line) == record


@given(st.text())
def test_no_line_is_too_odd(line):
    parse(line)


@given(st.lists(DATA, max_size=3), DATA.filter(lambda text: text.strip() and "*" not in text))
def test_a_secret_does_not_survive_the_escapes(before, secret):
    scrub = Scrubber([secret])
    line = serialise(Record(1, "", "ui", ("say", secret.join([*before, "", ""]))))
    assert secret not in scrub(line)
    record = parse(line)
    assert record is not None
    assert all(secret not in scrub(text) for text in record.data[1:])


@pytest.mark.parametrize(
    "line", ["", "panic: runtime error", "Usage: packer build [options] TEMPLATE, or so, it says", "x,,ui,say,a"]
)
def test_other_lines_are_told_apart(line):
    assert parse(line) is None


def test_unknown_kinds_are_kept_and_do_no_harm():
    record = parse("17,t.x,from-the-future,1,2")
    assert record == Record(17, "t.x", "from-the-future", ("1", "2"))
    assert list(Harvest("r").take(record)) == []


def test_success():
    harvest, events = harvested("success")
    (artifact,) = harvest.artifacts
    assert artifact.target == "demo.amazon-ebs.x"
    assert harvest.errors == ()
    seen = [event for event in events if isinstance(event, ResourceSeen)]
    assert [event.kind for event in seen] == ["key_pair", "security_group", "instance", "image"]
    assert {event.region for event in seen} == {"eu-west-1"}
    assert artifact.amis == {"us-east-1": seen[-1].id}
    assert seen[0].id.startswith("packer_")
    assert "Launching a source AWS instance..." in [e.text for e in events if isinstance(e, ToolLine)]


def test_stderr_of_a_provisioner_is_no_error():
    harvest, events = harvested("provisioner-failure")
    texts = [(event.stream, event.text) for event in events if isinstance(event, ToolLine)]
    assert ("stderr", "oops") in texts
    assert ("say", "a, b") in texts
    assert harvest.errors == ("Script exited with non-zero exit status: 3.Allowed exit codes are: [0]",)
    assert harvest.artifacts == ()


def test_an_interrupted_build_tells_its_resources_all_the_same():
    harvest, events = harvested("interrupted")
    assert harvest.artifacts == ()
    assert [e.kind for e in events if isinstance(e, ResourceSeen)] == ["key_pair", "security_group", "instance"]


def test_a_repeated_artifact_counts_once_and_regions_are_told_apart():
    harvest = Harvest("us-east-1")
    line = "1,b.amazon-ebs.x,artifact,{},id,us-east-1:ami-1%!(PACKER_COMMA)eu-west-1:ami-2"
    for index in (0, 1):
        record = parse(line.format(index))
        assert record is not None
        assert not list(harvest.take(record))
    assert harvest.artifacts == (Artifact("b.amazon-ebs.x", {"us-east-1": "ami-1", "eu-west-1": "ami-2"}),)


def test_say_and_message_are_one_kind():
    harvest = Harvest("us-east-1")
    old = parse("1,,ui,message,    b.amazon-ebs.x: Instance ID: i-0a1")
    new = parse("1,,ui,say,==> b.amazon-ebs.x: Instance ID: i-0a2")
    assert old is not None
    assert new is not None
    events = [*harvest.take(old), *harvest.take(new)]
    assert [e.id for e in events if isinstance(e, ResourceSeen)] == ["i-0a1", "i-0a2"]
    assert {e.stream for e in events if isinstance(e, ToolLine)} == {"say"}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("==> b.amazon-ebs.x: Launching", "Launching"),
        ("    b.amazon-ebs.x: Launching", "Launching"),
        ("==> b.amazon-ebs.x (shell-local): hi", "hi"),
        ("==> Builds finished: none", "Builds finished: none"),
        ("    Error: no", "Error: no"),
        ("plain", "plain"),
    ],
)
def test_the_prefix_goes(line, text):
    assert bare(line) == text
