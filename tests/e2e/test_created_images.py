"""Images of machines that run for real: what is in them, and how the machine comes back."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.baking import REGION, Lab
from tests.project import document
from tests.sandbox.rig import until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Libraries with a template that is launched in this file alone."""
    lab = Lab(tmp_path_factory.mktemp("created") / "lab")
    lab.tiny("canvas")
    return lab.libraries


@pytest.fixture(scope="module")
def machine(box, libraries):
    """A machine of canvas, launched as ``studio``; it is gone afterwards."""
    box.bake("canvas", libraries=libraries)
    done = box.cws("launch", "canvas", "studio", libraries=libraries)
    assert done.code == 0, done.out + box.log()
    assert on(box, "sudo", "sh", "-c", "echo by hand > /etc/by-hand && sync") == ""
    yield done.json["instance_id"]
    box.cws("instances", "terminate", "studio")


def on(box, *command):
    """Run a command on the machine; return what it printed, None where nobody can log in."""
    argv = document(box.cws("instances", "ssh", "studio", "--", *command).out)["argv"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def comes_back(box):
    """Wait until the machine can be logged in to, and return what it is called."""
    return until(lambda: box.cws("instances", "show", "studio").json["state"] == "running" and on(box, "hostname"))


def test_what_somebody_did_is_in_the_image_and_the_machine_comes_back(box, libraries, machine):
    before = box.settled()
    done = box.cws("ami", "create", "canvas", "studio", "--name", "Tiny by hand", libraries=libraries)
    assert done.code == 0, done.out + done.stderr + box.log()
    ident = done.json["ami_id"]
    assert (done.json["instance_id"], done.json["regions"][REGION]["status"]) == (machine, "available")
    assert comes_back(box)
    assert box.look(ident, "cat /etc/by-hand") == "by hand\n"
    assert box.resources() - before == box.parts(ident)
    resolved = box.cws("resolve", "canvas", "--refresh", libraries=libraries).json
    assert resolved["ami"]["id"] != ident


def test_sysprep_leaves_nothing_of_the_machine_in_the_image_and_its_login_comes_back(box, libraries, machine):
    words = ("ami", "create", "canvas", "studio", "--name", "Tiny cleaned", "--sysprep")
    done = box.cws(*words, "--no-wait", libraries=libraries)
    assert done.code == 0, done.out + done.stderr + box.log()
    assert done.json["regions"][REGION]["status"] == "pending"
    done = box.cws(*words, libraries=libraries)
    assert (done.code, done.json["regions"][REGION]["status"], done.json["instance_id"]) == (0, "available", machine)
    look = "ls /etc/ssh/ssh_host_*_key /home/*/.ssh/authorized_keys 2>/dev/null; cat /etc/machine-id; cat /etc/by-hand"
    assert box.look(done.json["ami_id"], look) == "by hand\n"
    assert comes_back(box)


def test_several_regions_and_one_that_fails(box, libraries, machine):
    box.fault("--call", "CopyImage", "--region", "eu-west-1", "--fails", "no room")
    regions = f"{REGION},us-west-2,eu-west-1"
    words = ("ami", "create-multi", "canvas", "studio", "--regions", regions, "--name", "Tiny all")
    done = box.cws(*words, libraries=libraries)
    assert {region: one["status"] for region, one in done.json["regions"].items()} == {
        REGION: "available",
        "us-west-2": "available",
        "eu-west-1": "failed",
    }
    assert (done.code, done.json["instance_id"]) == (5, machine)
    box.mend()
    again = box.cws(*words, libraries=libraries)
    assert (again.code, again.json["ami_id"]) == (0, done.json["ami_id"])
    assert box.cws("reap").json["found"] == []
