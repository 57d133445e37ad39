"""A child's bake starts where its parent's ended."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]


def test_a_child_starts_from_its_parents_image(box):
    parent = box.bake("tiny")
    done = box.cws("bake", "tiny-child")
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
    assert said.split() == ["child", "plain", "ada"]
    assert box.parts(parent["ami_id"]) <= box.resources()
