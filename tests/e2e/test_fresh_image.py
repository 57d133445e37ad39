"""An image is baked once, says what it is, and is found again."""

from __future__ import annotations

import pytest

from tests.e2e.going import layer

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

KEYS = {
    "template", "version", "architecture", "region", "ami_id", "name", "digest", "reused", "started_from", "layers",
    "seconds", "regions", "cost", "packer_version",
}  # fmt: skip


@pytest.fixture(scope="module")
def baked(box):
    """An image, what was there before and after, and how its builder was described while it ran."""
    before = box.resources()
    going = box.start("bake", "tiny")
    going.until(layer("users"))
    machine = box.client().describe_instances()["Reservations"][-1]["Instances"][0]
    done = going.end()
    assert done.code == 0, done.out + done.stderr
    return done, before, box.resources(), machine


def test_the_result_has_every_key(baked):
    done, *_ = baked
    result = done.json
    assert set(result) >= KEYS
    assert set(result["started_from"]) >= {"kind", "ami_id", "layers"}
    assert set(result["cost"]) >= {"build_usd", "storage_usd_month"}
    assert (result["reused"], result["started_from"]["kind"]) == (False, "base")
    assert [entry["name"] for entry in result["layers"]] == ["base", "apt", "users"]
    assert all(entry["seconds"] > 0 and len(entry["digest"]) == 64 for entry in result["layers"])
    assert result["regions"] == {"us-east-1": {"ami_id": result["ami_id"], "status": "available"}}
    assert result["layers"][-1]["digest"] == result["digest"]
    assert done.stderr == ""


def test_image_and_snapshot_say_what_they_are(box, baked):
    result = baked[0].json
    described = [box.image(result["ami_id"]), box.snapshot(result["ami_id"])]
    for tags in ({tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in described):
        assert tags["cws:template"] == "tiny"
        assert tags["cws:version"] == "1.0.0"
        assert tags["cws:architecture"] == result["architecture"]
        assert tags["cws:digest"] == result["digest"]
        assert tags["cws:base-ami"] == result["started_from"]["ami_id"]
        assert tags["cws:run"] == result["run"]
        assert f"packer {result['packer_version']}" in tags["cws:tools"]
        assert "ansible 2." in tags["cws:tools"]
        assert tags["cws:baked-at"].endswith("+00:00")
        layers = [f"{entry['name']}={entry['digest'][:12]}" for entry in result["layers"]]
        assert tags["cws:layers"] == " ".join(layers)
        assert "cws:expires" not in tags


def test_image_and_builder_demand_imdsv2(box, baked):
    done, _, _, machine = baked
    assert box.image(done.json["ami_id"])["ImdsSupport"] == "v2.0"
    assert machine["MetadataOptions"]["HttpTokens"] == "required"


def test_nothing_else_is_new(box, baked):
    done, before, after, _ = baked
    assert after - before == box.parts(done.json["ami_id"])
    assert before <= after
    assert box.processes(done.json["run"]) == []


def test_a_second_bake_finds_it(box, baked):
    runs = box.runs()
    again, calls = box.calls(lambda: box.bake("tiny"))
    assert again["reused"] is True
    assert again["ami_id"] == baked[0].json["ami_id"]
    assert box.runs() == runs
    assert 1 <= len(calls) <= 3, calls


def test_a_plan_makes_nothing(box, baked):
    before, runs = box.resources(), box.runs()
    known = box.cws("bake", "tiny", "--dry-run").json
    assert (known["reused"], known["ami_id"]) == (True, baked[0].json["ami_id"])
    new = box.cws("bake", "tiny", "--dry-run", "--param", "mark=other").json
    assert (new["reused"], new["missing_layers"]) == (False, ["base", "apt", "users"])
    assert new["estimate"]["p50"] > 0
    assert (box.resources(), box.runs()) == (before, runs)


def test_why_names_the_layer_and_the_field(box, baked):
    before, runs = box.resources(), box.runs()
    same = box.cws("bake", "tiny", "--why").json
    assert same["up_to_date"] is True
    why = box.cws("bake", "tiny", "--why", "--param", "mark=other").json
    assert (why["up_to_date"], why["ami_id"]) == (False, baked[0].json["ami_id"])
    assert why["changes"] == [
        {"layer": "apt", "kind": "changed", "fields": ["apt_packages: - plain", "apt_packages: + other"]},
        {"layer": "users", "kind": "follows", "fields": []},
    ]
    assert (box.resources(), box.runs()) == (before, runs)


def test_a_refresh_bakes_anew(box, baked):
    first = baked[0].json
    fresh = box.bake("tiny", "--refresh")
    assert (fresh["reused"], fresh["digest"]) == (False, first["digest"])
    assert fresh["ami_id"] != first["ami_id"]
    assert fresh["started_from"] == first["started_from"]
    assert box.bake("tiny")["ami_id"] == fresh["ami_id"]
