"""An image from its machine to its end, as a newcomer would go through it, over three regions and two accounts."""

from __future__ import annotations

import pytest

from cws_build.sandbox.records import ACCOUNT
from tests.e2e.baking import REGION

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]

NEAR, FAR = "us-west-2", "eu-west-1"
OTHER = "210987654321"


def ok(done):
    """Return what a command that went well has said."""
    assert done.code == 0, done.out + done.stderr
    return done.json


@pytest.fixture
def cws(box, lab):
    """Return a function that runs a command with a template of this test alone."""
    mark = {"mark": {"type": "string", "default": "plain", "description": "What sets an image apart"}}
    users = [{"name": "ada", "shell": "/bin/bash"}]
    lab.write("life", version="1.0.0", parameters=mark, packages={"system": ["{{.mark}}"]}, users=users)
    return lambda *words, **options: box.cws(*words, libraries=lab.libraries, **options)


@pytest.fixture
def trusting(tmp_path):
    """A folder whose settings believe the images of the sandbox's own account."""
    (tmp_path / "cws-build.toml").write_text(f'[resolve]\ntrusted_owners = ["self", "{ACCOUNT}"]\n')
    return tmp_path


def test_from_a_machine_to_its_end(box, before, cws, trusting):
    baked = ok(cws("bake", "life", "--param", "mark=life"))["ami_id"]
    ok(cws("launch", "life", "mine", "--param", "mark=life"))

    created = ok(cws("ami", "create", "life", "mine", "--name", "life by hand", "--yes"))
    assert created["regions"][REGION]["status"] == "available"
    assert box.image(created["ami_id"])["State"] == "available"

    # three regions, one of which is told to fail; the same command again goes on
    box.fault("--call", "CopyImage", "--region", FAR, "--fails", "no storage today")
    words = (
        "ami",
        "create-multi",
        "life",
        "mine",
        "--name",
        "life everywhere",
        "--regions",
        f"{REGION},{NEAR},{FAR}",
        "--yes",
    )
    first = cws(*words)
    assert first.code == 5, first.out
    states = {region: one["status"] for region, one in _regions(first).items()}
    assert states == {REGION: "available", NEAR: "available", FAR: "failed"}
    box.mend()
    second = ok(cws(*words))
    assert {one["status"] for one in second["regions"].values()} == {"available"}
    assert second["regions"][NEAR]["ami_id"] == _regions(first)[NEAR]["ami_id"], "what was there stays"

    # shared to be launched, and then to be copied
    everywhere = second["ami_id"]
    ok(cws("ami", "share", everywhere, "--account", OTHER, "--level", "launch", "--yes"))
    ok(cws("ami", "show", everywhere))
    refused = cws("ami", "copy", everywhere, "--regions", NEAR, "--profile", OTHER, "--yes")
    assert refused.code == 5, refused.out
    ok(cws("ami", "share", everywhere, "--account", OTHER, "--level", "copy", "--yes"))
    theirs = ok(cws("ami", "copy", everywhere, "--regions", NEAR, "--profile", OTHER, "--yes"))
    assert theirs["regions"][NEAR]["status"] == "available"

    # a baked image is launched by the other account as if it were its own
    ok(cws("ami", "share", baked, "--account", OTHER, "--yes"))
    other = ("--param", "mark=life", "--profile", OTHER)
    launched = ok(cws("launch", "life", "shared", *other, folder=trusting))
    assert (launched["way"], launched["ami"]["id"]) == ("ami", baked)
    ok(cws("instances", "terminate", "shared", "--profile", OTHER))

    tested = ok(cws("ami", "test", "life", "--param", "mark=life", "--regions", f"{REGION},{NEAR}", "--boot", "--yes"))
    assert tested["regions"][REGION]["boot"]["ok"] is True

    copied = ok(cws("ami", "copy", baked, "--regions", NEAR, "--yes"))
    promoted = ok(cws("ami", "promote", "life", "1.0.0", "--channel", "stable"))
    assert promoted["targets"][f"{REGION}/x86_64"] == baked
    again = ok(cws("bake", "life", "--param", "mark=later", "--version", "1.1.0"))["ami_id"]
    ok(cws("ami", "promote", "life", "1.1.0"))
    back = ok(cws("ami", "rollback", "life"))
    assert back["targets"][f"{REGION}/x86_64"] == baked
    diff = ok(cws("ami", "diff", baked, again))
    assert diff["layers"]["changed"]

    ok(cws("instances", "terminate", "mine"))
    dry = ok(cws("ami", "cleanup", "--template", "life", "--keep", "1", "--dry-run"))
    assert dry
    ok(cws("ami", "cleanup", "--template", "life", "--keep", "1", "--yes"))
    assert box.image(baked)["State"] == "available", "a channel names it"
    for ident in (again, baked, created["ami_id"], everywhere):
        cws("ami", "deregister", ident, "--all-regions", "--even-if-referenced", "--yes")
    assert copied["regions"][NEAR]["status"] == "available"
    assert ok(cws("ami", "list", "--template", "life", "--all-regions"))["images"] == []
    ok(cws("ami", "deregister", theirs["regions"][NEAR]["ami_id"], "--region", NEAR, "--profile", OTHER, "--yes"))
    assert box.resources() == before


def _regions(done):
    document = done.json
    return document.get("regions") or document["error"]["details"]["regions"]
