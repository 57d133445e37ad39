"""The words of an image's last days as people and programs type them: exit codes, JSON, and what is said."""

from __future__ import annotations

import pytest

from tests.copying import HOME, bake, clear, client
from tests.sandbox.rig import running


@pytest.fixture
def ami(cws, home):
    """Return a function that runs a word of ``ami``, in a sandbox that has nothing yet."""
    with running(home / "state" / "sandbox") as box:
        yield lambda *words: cws("--sandbox", "ami", *words), box
        clear(box, HOME)


def machine(box, ident):
    words = {"ImageId": ident, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    return client(box).run_instances(**words)["Instances"][0]["InstanceId"]


def test_from_the_list_to_the_end(ami):
    run, box = ami
    assert "no image" in run("list").out
    ident = bake(box, "studio-1", tags={"cws:version": "1.0.0"})
    done = run("list", "--json").json
    (entry,) = done["images"]
    assert (entry["ami_id"], entry["template"], entry["standing"], entry["channels"]) == (ident, "studio", "ready", [])
    assert done["usd_month"] == pytest.approx(entry["usd_month"])
    assert ident in run("list", "--template", "studio").out
    assert run("list", "--template", "other", "--json").json["images"] == []
    assert run("refs", ident, "--json").json["references"] == []
    assert "nothing uses it" in run("refs", ident).out
    assert run("deprecate", ident, "--in", "90d").code == 0
    assert run("deprecate", ident, "--in", "soon").code == 2
    assert run("deprecate", ident, "--undo").code == 0
    assert run("disable", ident).code == 0
    assert "disabled" in run("list").out
    assert run("enable", ident, "--json").json["images"][0]["status"] == "done"
    refused = run("deregister", ident, "--json")
    assert (refused.code, refused.json["error"]["details"]["images"]) == (4, [ident])
    assert run("deregister", ident, "--dry-run", "--json").json["images"][0]["ami_id"] == ident
    assert run("deregister", ident, "--yes").code == 0
    gone = run("deregister", ident, "--yes", "--json")
    assert (gone.code, gone.json["error"]["code"]) == (5, "not_found")


def test_what_is_used_is_named_and_kept(ami):
    run, box = ami
    ident = bake(box, "studio-1", tags={"cws:version": "1.0.0"})
    used = machine(box, ident)
    refused = run("deregister", ident, "--yes", "--json")
    assert refused.code == 4
    (reference,) = refused.json["error"]["details"]["references"][ident]
    assert (reference["kind"], reference["id"]) == ("instance", used)
    assert used in run("refs", ident).out
    assert run("deregister", ident, "--yes", "--even-if-referenced", "--json").json["images"][0]["status"] == "done"


def test_a_clean_up(ami):
    run, box = ami
    old, new = (bake(box, f"studio-{number}", tags={"cws:version": f"{number}.0.0"}) for number in (1, 2))
    client(box).terminate_instances(InstanceIds=[machine(box, new)])
    found = run("cleanup", "--keep", "1", "--dry-run", "--json").json
    assert {one["id"]: (one["what"], one["rule"]) for one in found["images"]} == {
        old: ("go", "superseded"),
        new: ("keep", ""),
    }
    assert found["usd_month"] > 0
    said = run("cleanup", "--keep", "1", "--dry-run")
    assert (said.code, "1 of 2 images" in said.out, "🗑️" in said.out) == (0, True, True)
    assert run("cleanup", "--keep", "1", "--json").code == 4
    assert run("cleanup", "--keep", "0").code == 2
    assert run("cleanup", "--keep", "1", "--yes", "--json").json["removed"] == [old]
    assert "nothing to remove" in run("cleanup", "--keep", "1", "--yes").out
