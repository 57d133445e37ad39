"""Machines that run for real: one that nobody has changed gives an image of its recipe, and every change is found."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.e2e.baking import Lab
from tests.project import document
from tests.sandbox.rig import until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(400)]
SLUG, NAME = "untouched", "alone"
CHANGES = (
    "echo x | sudo tee -a /etc/profile",
    "sudo rm /etc/issue.net",
    "sudo rm /home/grace/.bashrc",
    "echo x > mine.txt",
    "sudo sh -c 'echo x > /usr/local/bin/tool && mkdir -p /opt/new && mv /etc/debian_version /opt/new/'",
)
FOUND = {
    *("/etc/profile", "/etc/", "/home/grace/", "/home/admin/mine.txt"),
    *("/usr/local/bin/tool", "/opt/new/debian_version"),
}


@pytest.fixture(scope="module")
def words(box, tmp_path_factory):
    """What every command here needs: a library with a template that has a layer of its own, baked."""
    lab = Lab(tmp_path_factory.mktemp("untouched") / "lab")
    lab.write(SLUG, users=[{"name": "grace", "shell": "/bin/bash"}], post_install="echo own > /etc/own\n")
    found = {"libraries": lab.libraries}
    box.bake(SLUG, **found)
    done = box.cws("launch", SLUG, NAME, **found)
    assert done.code == 0, done.out + box.log()
    yield found
    box.cws("instances", "terminate", NAME, **found)
    ec2 = box.client()
    for image in ec2.describe_images(Owners=["self"])["Images"]:
        if any(tag["Key"] == "cws:created-from" for tag in image.get("Tags", [])):
            ec2.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)


def on(box, words, command):
    """Run a command on the machine; tell whether it could."""
    argv = document(box.cws("instances", "ssh", NAME, "--", command, **words).out).get("argv")
    if argv is None:
        return False  # it is on its way
    return subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0


def create(name, *more):
    return ("ami", "create", SLUG, NAME, "--name", name, *more)


def made(box, words, *command):
    done = box.cws(*command, **words)
    assert done.code == 0, done.out + done.stderr + box.log()
    return done.json


def test_left_alone_looked_at_and_started_anew_it_is_unchanged(box, words):
    assert on(box, words, "cat /etc/own")
    found = made(box, words, *create("Untouched once"))
    assert (found["modified"], found["changed"], found["digest"]) == (False, {"count": 0, "paths": []}, "")
    # The machine has been stopped and started for that, and our own look has used sudo.
    assert until(lambda: on(box, words, "true"))
    again = made(box, words, *create("Untouched again", "--no-reboot"))
    assert (again["modified"], again["changed"]["count"]) == (False, 0)
    shown = box.cws("ami", "show", again["ami_id"], **words).json
    assert (shown["modified"], shown["digest"], bool(shown["layers"])) == (False, "", True)


def test_killed_in_and_after_sysprep_it_still_becomes_an_image_of_the_recipe_that_launches_take(box, words):
    going = box.start(*create("Untouched clean", "--sysprep"), **words)
    run = going.until(lambda event: event["event"] == "task_finished" and "host keys" in event["task"])["run"]
    box.kill(going, run)  # nobody may be able to log in any more
    going = box.start(*create("Untouched clean", "--sysprep"), **words)
    going.until(lambda event: event["event"] == "snapshot_started")
    going.signal(signal.SIGKILL)
    going.end()
    found = made(box, words, *create("Untouched clean", "--sysprep"))
    tags = {tag["Key"]: tag["Value"] for tag in box.image(found["ami_id"])["Tags"]}
    digest = box.cws("instances", "show", NAME, **words).json["digest"]
    assert (found["modified"], found["digest"], tags["cws:digest"]) == (False, digest, digest)
    assert (tags["cws:version"], "cws:modified" in tags, "cws:base-ami" in tags) == ("0.0.0", False, True)
    resolved = box.cws("resolve", SLUG, "--refresh", **words).json
    assert resolved["ami"]["id"] == found["ami_id"]
    assert until(lambda: on(box, words, "true"))


def test_every_change_is_found(box, words):
    for command in CHANGES:
        assert on(box, words, command)
    found = made(box, words, *create("Touched", "--sysprep", "--no-wait"))
    assert (found["modified"], found["digest"]) == (True, "")
    # Folders may be told besides, where they have changed before what is in them.
    assert set(found["changed"]["paths"]) >= FOUND
    assert found["changed"]["count"] == len(found["changed"]["paths"])
