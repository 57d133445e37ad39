"""``cws-build store``, and the variable and the setting that say where it is."""

from __future__ import annotations

from typing import ClassVar

import pytest

from cws_build.drivers.database import Database
from cws_build.drivers.database_schema import REVISION
from cws_build.ports.store import Record
from tests.copying import FAR, HOME, Fault, bake, go, sandbox_context
from tests.sandbox.rig import running


class Note(Record, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "note"


def test_a_store_that_is_not_there_is_not_made_by_looking(cws, home):
    done = cws("store", "--json")
    file = home / "state" / "store.db"
    assert done.json == {"where": str(file), "database": "sqlite", "schema": "", "bytes": 0, "counts": {}}
    assert cws("store").out == f"{file}: nothing is kept yet\n"
    assert not file.exists()


def test_status_counts_what_is_there(cws, databases, monkeypatch):
    monkeypatch.setenv("CWS_BUILD_DATABASE", databases)
    database = Database(databases)
    for account in ("one", "two"):
        database.records(Note, account).put("a", Note())
    found = cws("store", "status", "--json").json
    assert (found["schema"], found["counts"]) == (REVISION, {"note": 2, "run": 0})
    assert found["database"] == databases.partition(":")[0].partition("+")[0]
    assert found["bytes"] > 1000
    assert "  2 note" in cws("store").out


def test_the_setting_names_a_store_and_the_variable_wins(cws, home, monkeypatch):
    (home / "work" / "cws-build.toml").write_text(f'database = "sqlite:///{home}/set.db"\n')
    assert cws("store", "--json").json["where"] == f"{home}/set.db"
    monkeypatch.setenv("CWS_BUILD_DATABASE", f"sqlite:///{home}/named.db")
    assert cws("store", "--json").json["where"] == f"{home}/named.db"


@pytest.mark.parametrize(
    "words", [["config"], ["config", "--json"], ["store"], ["store", "--json"], ["store", "--debug"]]
)
def test_nobody_prints_the_password(cws, monkeypatch, words):
    monkeypatch.setenv("CWS_BUILD_DATABASE", "postgresql://ada:hun%74er2@/x?host=/nonexistent&sslpassword=hunter3")
    done = cws(*words)
    assert done.code == (0 if words[0] == "config" else 6)
    assert "ada:***@" in done.out + done.err
    assert "hun" not in done.out + done.err.replace("/hun", "")


def test_what_names_no_store_is_a_sentence(cws, monkeypatch):
    monkeypatch.setenv("CWS_BUILD_DATABASE", "mysql://host/x")
    done = cws("store", "--json")
    assert (done.code, done.json["error"]["code"]) == (6, "store")
    assert done.json["error"]["hint"]


def test_what_was_lost_is_rebuilt_region_by_region(cws, home):
    state = home / "state"
    with running(state / "sandbox") as box:
        go(sandbox_context(box, home / "elsewhere"), bake(box, "one"), FAR)
        words = ("--sandbox", "store", "rebuild", "--regions", f"{HOME},{FAR}")
        box.add_fault(Fault(call="DescribeImages", error="InternalError", region=HOME))
        broken = cws(*words, "--json")
        assert (broken.code, broken.json["error"]["code"]) == (5, "cloud")
        assert HOME in broken.json["error"]["message"]
        assert broken.json["error"]["details"]["regions"][FAR]["restored"]["placement"] == 1
        assert broken.json["error"]["hint"]
        assert f"{FAR}: 1 images, restored nothing; 1 were known" in cws(*words).out
        box.clear_faults()
        assert cws(*words).out == (
            f"{HOME}: 1 images, restored nothing\n{FAR}: 1 images, restored nothing; 1 were known\n"
        )
        assert cws("--sandbox", "store", "--json").json["counts"] == {"placement": 1, "run": 0}
