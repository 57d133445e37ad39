"""Several bakes at the same time."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest

from cws_build.drivers.runs import DiskRuns
from tests.e2e.going import seen, until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

PUBLIC = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQN8xMBV2QqxKtFMZMsqSPOE6DpD0xE3JyvCSQ2GGkm elsewhere"


def test_two_bakes_of_one_recipe_make_one_image(box, before):
    runs = box.runs()
    going = [box.start("bake", "tiny", "--param", "mark=both") for _ in range(2)]
    alive = until(lambda: (box.runs() - runs) & {past.info.id for past in DiskRuns(box.state).past()}).pop()
    refused = box.cws("reap", "--run", alive)
    assert (refused.code, "is still running" in refused.error["message"]) == (2, True)
    assert box.cws("reap").json["found"] == []
    done = [one.end() for one in going]
    assert [one.code for one in done] == [0, 0], [one.out for one in done]
    assert sorted(one.json["reused"] for one in done) == [False, True]
    image = done[0].json["ami_id"]
    assert done[1].json["ami_id"] == image
    assert len(box.runs() - runs) == 1
    assert box.resources() - before == box.parts(image)
    assert any("another bake of tiny" in title for one in done for title in one.titles())


def test_one_that_fails_takes_no_other_with_it(box, lab, before):
    lab.write("good", packages={"system": ["good"]})
    lab.write("bad", packages={"system": ["bad"]}, post_install="exit 9\n")
    done = box.cws("bake", "good", "bad", libraries=lab.libraries)
    assert done.code == 6, done.out
    good, bad = done.json
    assert (good["template"], good["reused"]) == ("good", False)
    assert bad["template"] == "bad"
    assert "layer post_install failed" in bad["error"]["message"]
    partial = bad["error"]["details"]["partial_ami"]
    assert box.resources() - before == box.parts(good["ami_id"]) | box.parts(partial)
    # Each event of two bakes at a time says whose it is.
    assert {event["subject"].split()[0] for event in done.events if event["run"]} == {"good", "bad"}


@pytest.fixture
def lock(box):
    """Let another machine hold a recipe, until some minutes from now; afterwards it holds none."""
    ec2, held = box.client(), []

    def hold(words, minutes):
        digest = box.cws("bake", *words, "--dry-run").json["digest"]
        held.append(f"cws-build-{digest[:20]}")
        end = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="seconds")
        tags = [{"Key": "cws:run", "Value": "elsewhere"}, {"Key": "cws:expires", "Value": end}]
        specification = [{"ResourceType": "key-pair", "Tags": tags}]
        ec2.import_key_pair(KeyName=held[-1], PublicKeyMaterial=PUBLIC, TagSpecifications=specification)

    yield hold
    for name in held:
        ec2.delete_key_pair(KeyName=name)


def test_a_bake_waits_for_another_machine_that_bakes_the_same(box, before, lock):
    words = ("tiny", "--param", "mark=elsewhere")
    lock(words, minutes=30)
    held = box.resources()
    going = box.start("bake", *words)
    going.until(lambda event: "run elsewhere is baking this recipe" in event.get("message", ""))
    going.signal(signal.SIGINT)
    done = going.end()
    assert done.code == 130, done.out
    assert "another machine" in done.error["message"]
    assert box.resources() == held > before


def test_a_lock_that_has_expired_holds_nobody(box, before, lock):
    words = ("tiny", "--param", "mark=expired")
    lock(words, minutes=-1)
    going = box.start("bake", *words)
    going.until(seen("instance"))
    going.signal(signal.SIGINT)
    assert going.end().code == 130
    assert box.resources() == before
