"""An image is baked once, says what it is, and is found again; a child's bake starts where its parent's ended."""

from __future__ import annotations

import json

import pytest

from tests.e2e.baking import Lab
from tests.e2e.going import layer, seen

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

KEYS = {
    "template", "version", "architecture", "region", "ami_id", "name", "digest", "reused", "started_from", "layers",
    "seconds", "regions", "cost", "packer_version",
}  # fmt: skip


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Libraries with a template that is baked in this file alone, and its child."""
    lab = Lab(tmp_path_factory.mktemp("fresh") / "lab")
    lab.tiny("fresh")
    lab.write("fresh-child", inherits=["fresh"], post_install="echo child > /etc/cws-child\n")
    return lab.libraries


@pytest.fixture(scope="module")
def baked(box, libraries):
    """An image, what was there before and after, and how its builder was described while it ran."""
    before = box.settled()
    going = box.start("bake", "fresh", libraries=libraries)
    going.until(layer("users"))
    ident = going.until(seen("instance"))["id"]
    machine = box.client().describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
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
        assert tags["cws:template"] == "fresh"
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


def test_nothing_tells_of_those_who_logged_in_to_bake_it(box, baked):
    logs = "find /var/log -type f \\( -name '[bw]tmp*' -o -name lastlog \\) -size +0"
    marks = "find /home /root -name '.sudo_as_admin*' -o -name '.ssh' -not -empty; ls -A /var/lib/sudo/lectured"
    assert box.look(baked[0].json["ami_id"], f"{logs}; {marks}") == ""


def test_nothing_else_is_new(box, baked):
    done, before, after, _ = baked
    assert after - before == box.parts(done.json["ami_id"])
    assert before <= after
    assert box.processes(done.json["run"]) == []


def test_a_second_bake_finds_it(box, libraries, baked):
    runs = box.runs()
    again, calls = box.calls(lambda: box.bake("fresh", libraries=libraries))
    assert again["reused"] is True
    assert again["ami_id"] == baked[0].json["ami_id"]
    assert box.runs() == runs
    assert 1 <= len(calls) <= 3, calls


def test_a_plan_makes_nothing(box, libraries, baked):
    before, runs = box.resources(), box.runs()
    known = box.cws("bake", "fresh", "--dry-run", libraries=libraries).json
    assert (known["reused"], known["ami_id"]) == (True, baked[0].json["ami_id"])
    new = box.cws("bake", "fresh", "--dry-run", "--param", "mark=other", libraries=libraries).json
    assert (new["reused"], new["missing_layers"]) == (False, ["base", "apt", "users"])
    assert new["estimate"]["p50"] > 0
    assert (box.resources(), box.runs()) == (before, runs)


def test_why_names_the_layer_and_the_field(box, libraries, baked):
    before, runs = box.resources(), box.runs()
    same = box.cws("bake", "fresh", "--why", libraries=libraries).json
    assert same["up_to_date"] is True
    why = box.cws("bake", "fresh", "--why", "--param", "mark=other", libraries=libraries).json
    assert (why["up_to_date"], why["ami_id"]) == (False, baked[0].json["ami_id"])
    assert why["changes"] == [
        {"layer": "apt", "kind": "changed", "fields": ["apt_packages: - fresh", "apt_packages: + other"]},
        {"layer": "users", "kind": "follows", "fields": []},
    ]
    assert (box.resources(), box.runs()) == (before, runs)


def test_a_child_starts_from_its_parents_image(box, libraries, baked):
    parent = baked[0].json
    done = box.cws("bake", "fresh-child", libraries=libraries)
    assert done.code == 0, done.out
    child = done.json
    assert child["started_from"] == {"kind": "prefix", "ami_id": parent["ami_id"], "layers": 3}
    assert done.layers() == ["post_install"]
    assert [entry["name"] for entry in child["layers"] if entry["seconds"]] == ["post_install"]
    assert [entry["digest"] for entry in child["layers"][:3]] == [entry["digest"] for entry in parent["layers"]]
    recipe = json.loads(box.look(child["ami_id"], "cat /var/lib/cws-build/recipe.json"))
    assert [(entry["name"], entry["digest"]) for entry in recipe["layers"]] == [
        (entry["name"], entry["digest"]) for entry in child["layers"]
    ]
    said = box.look(child["ami_id"], "cat /etc/cws-child /var/lib/cws-build/packages; id -un ada")
    assert said.split() == ["child", "fresh", "ada"]
    assert box.parts(parent["ami_id"]) <= box.resources()


def test_a_refresh_bakes_anew(box, libraries, baked):
    first = baked[0].json
    fresh = box.bake("fresh", "--refresh", libraries=libraries)
    assert (fresh["reused"], fresh["digest"]) == (False, first["digest"])
    assert fresh["ami_id"] != first["ami_id"]
    assert fresh["started_from"] == first["started_from"]
    assert box.bake("fresh", libraries=libraries)["ami_id"] == fresh["ami_id"]
