"""Launches on real machines, by every way, broken off at several moments, and what is left of them."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.baking import REGION, Lab
from tests.e2e.going import layer, seen
from tests.e2e.talking import talk

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

ELSEWHERE = "ap-south-1"
SAME = ("template", "region", "architecture", "strategy", "method", "way", "ami", "missing_layers", "copy", "services")
"""What a dry run must say exactly as it then happens."""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Libraries with a template that is launched in this file alone, and one that inherits it and is never baked."""
    lab = Lab(tmp_path_factory.mktemp("launched") / "lab")
    lab.tiny("kite")
    lab.write("kite-tail", inherits=["kite"], post_install="echo child > /etc/cws-child\n")
    return lab.libraries


@pytest.fixture(scope="module")
def image(box, libraries):
    """An image of kite."""
    return box.bake("kite", libraries=libraries)["ami_id"]


@pytest.fixture
def launched(box, libraries, image):  # noqa: ARG001  a launch begins with the image
    """Return a function that launches as planned; whatever it has launched goes afterwards."""
    names = []

    def launch(template, name, *words):
        plan = box.cws("launch", template, name, *words, "--dry-run", libraries=libraries)
        done = box.cws("launch", template, name, *words, libraries=libraries)
        names.append((name, words))
        assert done.code == 0, done.out + done.stderr + box.log()
        assert plan.code == 0, plan.out
        assert {key: plan.json[key] for key in SAME} == {key: done.json[key] for key in SAME}
        assert done.json["provisioned_layers"] == done.json["missing_layers"]
        return done

    yield launch
    for name, _words in names:
        box.cws("instances", "terminate", name)


def on(box, name, *command):
    """Run a command on a machine; return what it printed."""
    import subprocess

    argv = box.cws("instances", "ssh", name, "--", *command).json["argv"]
    return subprocess.run(argv, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout


def test_an_image_is_launched_as_it_is_and_goes_without_a_trace(box, libraries, before, launched, image):
    done = launched("kite", "by-image")
    told = done.json
    assert (told["way"], told["ami"]["id"], told["ami_id"], told["missing_layers"]) == ("ami", image, image, [])
    assert told["ready_seconds"] > 0
    assert "ada" in on(box, "by-image", "getent", "passwd", "ada")
    shown = box.cws("instances", "show", "by-image").json
    assert (shown["instance_id"], shown["state"], shown["ready"]) == (told["instance_id"], "running", True)
    assert box.cws("reap").json["found"] == []
    assert box.cws("launch", "kite", "by-image", "--dry-run", libraries=libraries).error["code"] == "input"
    stopped, started = box.cws("instances", "stop", "by-image"), box.cws("instances", "start", "by-image")
    assert (stopped.json["state"], started.json["state"]) == ("stopped", "running")
    assert box.cws("instances", "show", "by-imag").error["hint"] == "did you mean 'by-image'?"
    gone = box.cws("instances", "terminate", "by-image").json["removed"]
    assert [one["kind"] for one in gone] == ["instance", "security_group", "key_pair"]
    assert box.resources() == before
    assert not list((box.state / "keys").rglob("by-image*"))


def test_a_parents_image_and_the_layers_that_it_lacks(box, launched, image):
    done = launched("kite-tail", "by-hybrid")
    assert (done.json["way"], done.json["ami_id"], done.json["missing_layers"]) == ("hybrid", image, ["post_install"])
    assert done.layers() == ["post_install"]
    assert on(box, "by-hybrid", "cat", "/etc/cws-child") == "child\n"
    recipe = on(box, "by-hybrid", "cat", "/var/lib/cws-build/recipe.json")
    assert "post_install" in recipe


def test_a_script_although_an_image_is_there(box, libraries, launched):
    refused = box.cws("launch", "kite", "by-script", "--prefer-script", libraries=libraries)
    assert (refused.code, refused.error["code"], refused.error["details"]["about"]) == (4, "consent", "script")
    done = launched("kite", "by-script", "--prefer-script", "--yes")
    assert (done.json["way"], done.json["ami"], done.layers()) == ("script", None, ["base", "apt", "users"])
    assert "ada" in on(box, "by-script", "getent", "passwd", "ada")


def test_no_at_the_terminal_takes_the_image(box, libraries, image):
    code, said = talk(box, "launch", "kite", "by-answer", "--prefer-script", libraries=libraries, answer="n")
    assert code == 0, said
    assert "⚠️  Script provisioning requested" in said
    assert f"🔍 AMI available: {image}" in said
    assert f"Continue with script provisioning? [y/N]: n\n✅ Using AMI: {image}\n🚀 Launching with pre-built" in said
    assert box.cws("instances", "show", "by-answer").json["way"] == "ami"
    assert box.cws("instances", "terminate", "by-answer").code == 0


def test_the_image_of_another_region(box, libraries, launched, image):
    refused = box.cws("launch", "kite", "far", "--region", ELSEWHERE, libraries=libraries)
    assert (refused.code, refused.error["details"]["about"]) == (4, "copy")
    code, said = talk(box, "launch", "kite", "far", "--region", ELSEWHERE, "--dry-run", libraries=libraries, answer="")
    assert code == 0, said
    for words in (f"❌ No AMI in {ELSEWHERE}", f"✅ Found AMI in {REGION}: {image}", "📋 Cross-region copy required"):
        assert words in said
    assert "at most" not in said, "what was written is known"
    script = launched("kite", "far-script", "--region", ELSEWHERE, "--no-copy")
    assert (script.json["way"], script.json["copy"]) == ("script", None)
    copied = launched("kite", "far-copy", "--region", ELSEWHERE, "--copy")
    assert (copied.json["way"], copied.json["copy"]["ami_id"]) == ("copy", image)
    assert copied.json["ami_id"] != image
    again = box.cws("resolve", "kite", "--region", ELSEWHERE, libraries=libraries).json
    assert (again["way"], again["ami"]["id"]) == ("ami", copied.json["ami_id"])
    assert box.cws("reap").json["found"] == []


def test_an_interrupt_leaves_nothing(box, libraries, before, image):  # noqa: ARG001  the image is there before
    going = box.start("launch", "kite-tail", "stopped", "--prefer-script", "--yes", libraries=libraries)
    going.until(layer("apt"))
    going.signal(signal.SIGINT)
    done = going.end()
    assert (done.code, done.error["code"]) == (130, "interrupted")
    assert box.resources() == before
    assert box.cws("reap").json["found"] == []


def test_reap_takes_what_a_killed_launch_left_and_nothing_else(box, libraries, before, launched):
    launched("kite", "alive")
    mine = box.resources()
    going = box.start("launch", "kite-tail", "killed", libraries=libraries)
    run = going.until(seen("instance"))["run"]
    box.kill(going, run)
    half = box.cws("instances", "show", "killed").json
    assert half["ready"] is False
    reaped = box.cws("reap")
    assert reaped.code == 0, reaped.out
    assert reaped.json["runs"] == [run]
    assert box.resources() == mine
    assert mine - before >= {("instance", box.cws("instances", "show", "alive").json["instance_id"])}


def test_an_image_that_does_not_boot_gives_way_to_the_script(box, libraries, before, image):
    box.fault("--call", "RunInstances", "--kills", "terminated", "--times", "1")
    done = box.cws("launch", "kite", "bad-image", libraries=libraries)
    box.mend()
    assert done.code == 0, done.out + done.stderr
    assert (done.json["method"], done.json["ami_id"] != image) == ("fallback_script", True)
    assert done.json["fell_back"]
    assert any(event["event"] == "fell_back" and event["way"] == "script" for event in done.events)
    assert box.cws("instances", "terminate", "bad-image").code == 0
    assert box.resources() == before
