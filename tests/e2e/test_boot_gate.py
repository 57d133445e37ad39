"""The gate after a bake, and images tried where they are: with machines that really boot, or do not."""

from __future__ import annotations

import signal
from xml.etree import ElementTree as ET

import pytest

from cws_build.model.image import DIGEST_TAG
from tests.e2e.baking import REGION
from tests.e2e.going import layer, seen, step

pytestmark = [pytest.mark.machines, pytest.mark.timeout(400)]

UNIT = """\
cat >/etc/systemd/system/web.service <<'UNIT'
[Service]
ExecStart=/bin/sh -c "{}"
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable web
"""
SERVES = "exec python3 -m http.server 8080"
ONLY_NOW = "test -e /run/only-now || { echo no door today; exec sleep 1000; }; " + SERVES
"""What /run holds is gone after the next boot."""
WEB = [{"name": "web", "port": 8080}]
HOLDS = [
    {"name": "Python is there", "command": "python3 --version", "contains": "Python 3"},
    {"name": "root asks", "command": "id -un", "equals": "root"},
    {"name": "no compiler", "command": "command -v gcc", "success": False},
]
SWITCHED_ON = "[images]\nboot_test = true\n[launch]\nready_minutes = {}\n"


@pytest.fixture
def on(tmp_path):
    """A folder whose settings switch the gate on, with as much patience as a test names."""

    def settings(minutes=3):
        (tmp_path / "cws-build.toml").write_text(SWITCHED_ON.format(minutes))
        return tmp_path

    return settings


@pytest.fixture
def bake(box, lab, on):
    """Bake a template of the test's own with the gate switched on."""

    def run(slug, *words, minutes=3, **fields):
        lab.write(slug, **fields)
        return box.cws("bake", slug, *words, libraries=lab.libraries, folder=on(minutes))

    return run


def ready(box):
    """Return the images that count as ready."""
    images = box.client().describe_images(Owners=["self"])["Images"]
    return {one["ImageId"] for one in images if any(tag["Key"] == DIGEST_TAG for tag in one.get("Tags", []))}


def tried(going):
    """Wait, step by step, until a bake has started the machine of its image; return that event."""
    going.until(layer("post_install"))
    going.until(seen("image"))
    return going.until(step("machine running"))


def test_an_image_passes_and_is_tried_again_where_it_is(box, lab, bake, on, before):
    done = bake("passes", services=WEB, post_install=UNIT.format(SERVES), validation=HOLDS)
    assert done.code == 0, done.out + done.stderr
    boot = done.json["boot"]
    assert (boot["ok"], boot["ready_seconds"] > 0, boot["ami_id"]) == (True, True, done.json["ami_id"])
    booted = [one for one in done.events if one.get("title", "").startswith("booted in ")]
    assert [one["outcome"] for one in booted] == ["web 8080 answers, 3 of 3 validations hold"]
    assert box.resources() - before == box.parts(done.json["ami_id"])

    folder = on()
    words = ("ami", "test", "passes", "--all-regions", "--boot", "--junit", "report.xml")
    asked = box.cws(*words, libraries=lab.libraries, folder=folder)
    assert asked.code == 0, asked.out
    elsewhere = asked.json["regions"]
    here = elsewhere.pop(REGION)
    assert (here["status"], here["ami_id"], here["boot"]["ok"]) == ("available", done.json["ami_id"], True)
    assert [one["ok"] for one in here["boot"]["validation"]] == [True, True, True]
    assert {one["status"] for one in elsewhere.values()} == {"copy_required"}
    assert {one["source_region"] for one in elsewhere.values()} == {REGION}
    suite = ET.parse(folder / "report.xml").getroot().find("testsuite")  # noqa: S314  our own
    names = [case.get("name") for case in suite]
    assert {REGION, f"{REGION}: boot", f"{REGION}: no compiler"} <= set(names)
    assert len(names) == len(elsewhere) + 1 + 1 + 3
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert box.resources() - before == box.parts(done.json["ami_id"])
    assert box.cws("reap").json["found"] == []


def test_a_service_that_never_answers_again_leaves_no_image(box, bake, before):
    known = ready(box)
    script = f"touch /run/only-now\n{UNIT.format(ONLY_NOW)}"
    failed = bake("mute", services=WEB, post_install=script, minutes=1)
    assert failed.code == 6, failed.out
    assert failed.error["code"] == "bake_failed"
    assert "(service web): the service web of i-" in failed.error["message"]
    details = failed.error["details"]
    assert details["task"] == "service web"
    assert "no door today" in details["output"]
    assert "cws-build bake mute --on-failure keep" in failed.error["hint"]
    assert box.resources() == before
    assert ready(box) == known
    assert box.cws("reap").json["found"] == []


def test_a_validation_that_does_not_hold_is_shown_without_secrets(box, lab, bake, on, before):
    fields = {
        "parameters": {"password": {"type": "string", "default": "hunter22secret", "description": "d"}},
        "post_install": "echo PASSWORD={{.password}} >/etc/thing",
        "validation": [
            {"name": "the thing", "command": "cat /etc/thing; echo going down >&2; exit 3"},
            {"name": "fine", "command": "true"},
        ],
    }
    failed = bake("wrong", **fields)
    assert failed.code == 6, failed.out
    assert "the validation 'the thing' does not hold: it ended with 3" in failed.error["message"]
    assert failed.error["details"]["output"] == "PASSWORD=***\ngoing down"
    assert [one["ok"] for one in failed.error["details"]["boot"]["validation"]] == [False, True]
    assert "hunter22secret" not in failed.out + failed.stderr + str(failed.events)
    assert box.resources() == before

    baked = bake("wrong", "--no-boot-test", **fields)
    assert (baked.code, baked.json["boot"]) == (0, None)
    asked = box.cws("ami", "test", "wrong", "--boot", libraries=lab.libraries, folder=on())
    assert asked.code == 6, asked.out
    boot = asked.json["regions"][REGION]["boot"]
    assert (boot["ok"], boot["failed"], boot["output"]) == (False, "validation the thing", "PASSWORD=***\ngoing down")
    assert box.resources() - before == box.parts(baked.json["ami_id"])


def test_a_machine_that_dies_is_no_image_either(box, lab, on, before):
    lab.write("dies", post_install="echo dies")
    # The first machine is the builder.
    box.fault("--call", "RunInstances", "--kills", "terminated", "--at", "2")
    failed = box.cws("bake", "dies", libraries=lab.libraries, folder=on())
    box.mend()
    assert failed.code == 6, failed.out
    assert failed.error["details"]["task"] == "boot"
    assert box.resources() == before


def test_an_interrupt_while_an_image_is_tried_leaves_nothing(box, lab, on, before):
    lab.write("stopped", post_install="echo stopped")
    going = box.start("bake", "stopped", libraries=lab.libraries, folder=on())
    tried(going)
    going.signal(signal.SIGINT)
    done = going.end()
    assert (done.code, done.error["code"]) == (130, "interrupted")
    assert box.resources() == before
    assert box.cws("reap").json["found"] == []


def test_reap_takes_what_a_killed_gate_left(box, lab, on, before):
    lab.write("killed-gate", post_install="echo killed")
    going = box.start("bake", "killed-gate", libraries=lab.libraries, folder=on())
    run = tried(going)["run"]
    box.kill(going, run)
    assert {"image", "instance"} <= {kind for kind, _ in box.resources() - before}
    reaped = box.cws("reap")
    assert reaped.code == 0, reaped.out
    assert box.resources() == before


def test_reap_takes_what_a_killed_test_left(box, lab, on, before):
    lab.write("killed-test", post_install="echo killed", validation=[{"name": "slow", "command": "sleep 300"}])
    baked = box.bake("killed-test", libraries=lab.libraries)
    going = box.start("ami", "test", "killed-test", "--boot", libraries=lab.libraries, folder=on())
    run = going.until(step("SSH answers"))["run"]
    box.kill(going, run)
    assert "instance" in {kind for kind, _ in box.resources() - before}
    reaped = box.cws("reap")
    assert reaped.code == 0, reaped.out
    assert box.resources() - before == box.parts(baked["ami_id"])
