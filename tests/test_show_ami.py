"""Everything of one image, through the command line: what it is, where it is, who can use it, what mends it."""

from __future__ import annotations

import pytest

from cws_build.actions.remember import records
from cws_build.actions.suspend_shares import suspend_shares
from cws_build.data import price_book
from cws_build.drivers.database import Database
from cws_build.model.created_tags import MODIFIED_TAG
from cws_build.model.inventory import Inventory
from cws_build.model.pending import Pending
from cws_build.sandbox.records import Fault, Stranger
from tests.copying import FAR, HOME, NEAR, bake, clear, client, go, sandbox_context
from tests.neighbours import ADA, BOB, EVE, encrypted, give
from tests.project import LIBRARY
from tests.sandbox import rig
from tests.sandbox.rig import running


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with running(tmp_path_factory.mktemp("showing") / "sandbox") as found:
        yield found


@pytest.fixture
def ctx(box, home, monkeypatch):
    """A context whose sandbox and store are those of the command line."""
    monkeypatch.setenv("CWS_BUILD_STATE", str(box.state.parent))
    monkeypatch.setenv("CWS_BUILD_DATABASE", f"sqlite:///{home / 'store.db'}")
    yield sandbox_context(box, box.state.parent, store=Database(f"sqlite:///{home / 'store.db'}"))
    clear(box)


@pytest.fixture
def show(cws):
    """Return a function that shows an image, as JSON and as text."""

    def run(image, *words, region=HOME):
        done = cws("--sandbox", "--region", region, "--json", "ami", "show", image, *words)
        assert done.code == 0, done.out + done.err
        text = cws("--sandbox", "--region", region, "ami", "show", image)
        assert text.code == 0, text.err
        return done.json, text.out

    return run


def who(found):
    """Return what each consumer has, and should have."""
    return {one["id"]: (one["has"], one["meant"], one["note"]) for one in found["consumers"]}


def test_an_image_with_its_copies(ctx, master, show):
    places = go(ctx, master, FAR, NEAR).regions
    records(ctx, Inventory).put(master, Inventory(taken="now", os="Debian 12", packages={"deb": {"a": "1", "b": "2"}}))
    offered = {"a": ("1", "2"), "b": ("2", "3")}
    records(ctx, Pending).put(master, Pending(taken="then", packages=offered, security={"b": ""}, since={"b": "then"}))
    found, text = show(master)
    assert (found["template"], found["version"], found["state"], found["own"]) == ("studio", "1.10", "available", True)
    assert {one["region"]: (one["ami_id"], one["status"]) for one in found["copies"]} == {
        region: (places[region].ami_id, "available") for region in (FAR, NEAR)
    }
    assert found["storage"]["size_gb"] == 8
    assert found["storage"]["usd_month"] == pytest.approx(8 * price_book().snapshot(HOME))
    assert found["inventory"]["packages"] == {"deb": 2}
    assert found["pending"] == {"taken": "then", "total": 2, "security": 1}
    assert (found["channels"], found["warnings"]) == ([], [])
    for part in (master, "studio 1.10", "Debian 12: 2 deb", FAR, "shared with  nobody"):
        assert part in text
    copy, told = show(places[FAR].ami_id, region=FAR)
    assert copy["copied_from"] == f"{master} in {HOME}"
    assert copy["copies"][0] == {"region": HOME, "ami_id": master, "status": "master", "error": ""}
    assert copy["inventory"]["packages"] == {"deb": 2}
    assert copy["pending"] == found["pending"]
    assert f"itself a copy of {master}" in told


def test_what_everybody_really_has(box, ctx, master, show):
    give(ctx, master, ADA, level="copy")
    give(ctx, master, BOB)
    found, text = show(master)
    assert who(found) == {
        ADA: ("copy", "copy", ""),
        BOB: ("launch", "launch", "launch only: snapshot not shared"),
    }
    assert "→" not in text
    ec2 = client(box)
    snapshot = rig.image(ec2, master)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    taken = {"Remove": [{"UserId": ADA}]}
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission", CreateVolumePermission=taken)
    ec2.modify_image_attribute(ImageId=master, LaunchPermission={"Add": [{"UserId": EVE}], "Remove": [{"UserId": BOB}]})
    found, text = show(master)
    mends = {one["id"]: one["mend"] for one in found["consumers"]}
    assert who(found)[ADA][:2] == ("launch", "copy")
    assert who(found)[BOB][:2] == ("nothing", "launch")
    assert who(found)[EVE][:2] == ("launch", "nothing")
    assert mends == {
        ADA: f"cws-build ami share {master} --region {HOME} --account {ADA} --level copy",
        BOB: f"cws-build ami share {master} --region {HOME} --account {BOB} --level launch",
        EVE: f"cws-build ami unshare {master} --region {HOME} --account {EVE}",
    }
    for way in mends.values():
        assert f"→ {way}" in text


def test_the_command_that_is_named_mends_it(box, ctx, master, show, cws):
    give(ctx, master, ADA, level="copy")
    ec2 = client(box)
    ec2.modify_image_attribute(ImageId=master, LaunchPermission={"Add": [{"UserId": EVE}], "Remove": [{"UserId": ADA}]})
    for one in show(master)[0]["consumers"]:
        done = cws("--sandbox", *one["mend"].split()[1:])
        assert done.code == 0, done.err
    assert who(show(master)[0]) == {ADA: ("copy", "copy", "")}


def test_a_key_that_is_missing(box, ctx, show):
    key = rig.client(box, "kms").create_key()["KeyMetadata"]["Arn"]
    image = encrypted(box, "secret", key)
    give(ctx, image, ADA)
    ctx.account().images(HOME).unshare_key(key, ADA)
    found, _ = show(image)
    has, meant, note = who(found)[ADA]
    assert (has, meant) == ("nothing", "launch")
    assert note == f"the key is missing: {key}"
    assert found["storage"]["keys"] == [key]


def test_a_disabled_image_keeps_its_shares_for_later(box, ctx, master, show):
    give(ctx, master, ADA)
    suspend_shares(ctx, HOME, master)
    client(box).disable_image(ImageId=master)
    found, text = show(master)
    assert (found["state"], found["suspended"], who(found)[ADA][:2]) == ("disabled", True, ("nothing", "launch"))
    assert f"→ cws-build ami enable {master} --region {HOME}" in text
    client(box).enable_image(ImageId=master)


def test_an_image_of_a_used_machine_says_so(box, ctx, show):  # noqa: ARG001  clears afterwards
    image = bake(box, "used", tags={MODIFIED_TAG: "true", "cws:from-layers": "base=abc apt=def"})
    found, text = show(image)
    assert found["modified"]
    assert "changed by hand" in text


def test_an_image_of_somebody_else_tells_what_can_be_done_here(box, ctx, show):  # noqa: ARG001  clears afterwards
    stranger = box.add_image(Stranger(name="theirs", owner=EVE)).image_id
    found, text = show(stranger)
    assert (found["own"], found["usable"], found["consumers"]) == (False, "launch", [])
    assert "has not shared" in found["usable_reason"]
    assert "launched, not copied" in text


def test_an_image_that_is_being_made_is_followed_to_its_end(box, ctx, master, show):
    box.add_fault(Fault(call="CopyImage", region=FAR, lasts=10))
    begun = go(ctx, master, FAR, wait=False).regions[FAR].ami_id
    found, text = show(begun, region=FAR)
    assert found["state"] == "pending"
    assert found["making"] is not None
    assert "pending" in text
    found, _ = show(begun, "--wait", region=FAR)
    assert (found["state"], bool(found["digest"])) == ("available", True)


def test_an_image_that_is_not_there(ctx, cws):  # noqa: ARG001  the command's state
    done = cws("--sandbox", "--region", HOME, "ami", "show", "ami-0123456789abcdef0")
    assert done.code == 5
    assert "there is no image" in done.err


# --- the words that share


def test_the_dialogue_of_a_share(ctx, master, cws):  # noqa: ARG001  the command's state
    words = ("--sandbox", "--region", HOME)
    assert cws(*words, "communities", "add", "cloudworkstation", ADA, BOB).code == 0
    done = cws(*words, "ami", "share", master, "--community", "cloudworkstation")
    assert (done.code, done.out.splitlines()[0]) == (0, "✅ AMI shared with cloudworkstation community")
    refused = cws(*words, "--json", "communities", "remove", "cloudworkstation")
    assert (refused.code, refused.json["error"]["details"]["images"]) == (4, [master])
    done = cws(*words, "--json", "--yes", "communities", "remove", "cloudworkstation")
    assert (done.code, done.json["removed"]) == (0, sorted((ADA, BOB)))
    assert cws(*words, "communities").out.startswith("no community")


def test_public_needs_a_yes(box, ctx, cws):  # noqa: ARG001  the command's state
    client(box, region=FAR).disable_image_block_public_access()
    image = bake(box, "for all", region=FAR)
    words = ("--sandbox", "--region", FAR, "--json")
    refused = cws(*words, "ami", "share", image, "--public")
    assert (refused.code, refused.json["error"]["details"]["about"]) == (4, "public")
    done = cws(*words, "--yes", "ami", "share", image, "--public")
    assert (done.code, done.json["images"][0]["status"]) == (0, "done")
    assert cws(*words, "ami", "unshare", image, "--public").code == 0
    client(box, region=FAR).enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")


def test_a_public_bake_is_refused_before_it_begins(ctx, cws):  # noqa: ARG001  the command's state
    words = ("--sandbox", "--region", HOME, "--library", str(LIBRARY), "--json", "--yes")
    done = cws(*words, "bake", "studio", "--public")
    assert done.code == 5
    assert "nothing was baked: block public access" in done.json["error"]["message"]
    assert "aws ec2 disable-image-block-public-access" in done.json["error"]["hint"]


def test_a_region_that_fails_ends_with_five_and_the_document(box, ctx, master, cws):
    go(ctx, master, FAR)
    box.add_fault(Fault(call="ModifyImageAttribute", region=FAR, error="UnauthorizedOperation"))
    done = cws("--sandbox", "--region", HOME, "--json", "ami", "share", master, "--account", ADA)
    assert done.code == 5
    assert {one["region"]: one["status"] for one in done.json["images"]} == {HOME: "done", FAR: "failed"}
