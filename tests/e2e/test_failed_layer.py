"""A layer fails: what a person reads, and what is kept for the next attempt."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

USERS = [{"name": "ada", "shell": "/bin/bash"}]
FAILS = "echo these are the last words\nexit 3\n"


def test_what_was_finished_is_kept_for_the_next_bake_of_the_template(box, lab, before):
    parts = {"packages": {"system": ["kept"]}, "users": USERS}
    lab.write("breaks", **parts, post_install=FAILS)
    lab.write("stranger", **parts, post_install="true\n")

    failed = box.cws("bake", "breaks", libraries=lab.libraries)
    assert failed.code == 6, failed.out
    message = failed.error["message"]
    assert message.startswith("layer post_install failed in task 'Say what the script said last, if it failed'")
    assert "(roles/post_install/tasks/main.yml:" in message
    assert "The script ended with 3" in message
    assert "these are the last words" in message
    assert "exit status" not in message
    assert "cws-build bake breaks" in failed.error["hint"]
    partial = failed.error["details"]["partial_ami"]
    assert box.resources() - before == box.parts(partial)
    tags = {tag["Key"]: tag["Value"] for tag in box.image(partial)["Tags"]}
    assert (tags["cws:partial"], tags["cws:residue"]) == ("3/4", "post_install")

    other = box.cws("bake", "stranger", "--dry-run", libraries=lab.libraries).json
    assert other["started_from"]["ami_id"] != partial

    lab.write("breaks", **parts, post_install="echo mended\n")
    done = box.cws("bake", "breaks", libraries=lab.libraries)
    assert done.code == 0, done.out
    assert done.json["started_from"] == {"kind": "prefix", "ami_id": partial, "layers": 3}
    assert done.layers() == ["post_install"]
    assert box.resources() - before == box.parts(done.json["ami_id"])


def test_nothing_is_kept_where_the_settings_say_so(box, lab, before, tmp_path):
    (tmp_path / "cws-build.toml").write_text("[bake]\ncheckpoint = false\n")
    lab.write("breaks", packages={"system": ["dropped"]}, users=USERS, post_install=FAILS)
    failed = box.cws("bake", "breaks", libraries=lab.libraries, folder=tmp_path)
    assert failed.code == 6, failed.out
    assert "layer post_install failed" in failed.error["message"]
    assert "these are the last words" in failed.error["message"]
    assert "partial_ami" not in failed.error["details"]
    assert "--on-failure keep" in failed.error["hint"]
    assert box.resources() == before


def test_a_task_outside_of_all_layers_is_named_as_well(box, lab, before):
    lab.write("swept", packages={"system": ["swept"]})
    lab.role("sysprep", [{"name": "Sweep the floor", "ansible.builtin.fail": {"msg": "there is no broom"}}])
    failed = box.cws("bake", "swept", libraries=lab.libraries)
    assert failed.code == 6, failed.out
    assert "task 'Sweep the floor' (roles/sysprep/tasks/main.yml:1): there is no broom" in failed.error["message"]
    assert failed.error["details"]["task"] == "Sweep the floor"
    assert box.resources() == before
