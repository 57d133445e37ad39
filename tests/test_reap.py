"""What `reap` takes and what it spares, over an account that keeps state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cws_build.actions.reap import ReapRequest, reap
from cws_build.errors import InputError
from cws_build.model.image import Resource
from cws_build.ports import RunInfo
from tests.world import Account, world

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def ctx(tmp_path, account):
    return world(tmp_path, account, clock=lambda: NOW)


def info(ident, **fields):
    return RunInfo(id=ident, verb="bake", subject="s", account="aws", region="us-east-1", **fields)


def told(ctx, **request):
    """Return the result as programs read it."""
    return msgspec.json.decode(msgspec.json.encode(reap(ctx, ReapRequest(**request))))


def ended(ctx, ident, *, finished=False, kept=""):
    """Leave the journal of a run whose process is gone."""
    with ctx.runs.begin(info(ident)) as run:
        run.made("instance", "i-1")
        if kept:
            run.keep(kept)
        if finished:
            run.finish("bake_failed")


def instance(ident, run, *, hours=1, expires=""):
    made = (NOW - timedelta(hours=hours)).isoformat()
    return Resource("instance", ident, "us-east-1", run, expires, created=made, detail="t3.large")


def left(account):
    return [resource.id for resource in account.cloud().leftovers]


def test_a_dead_run_loses_everything_and_is_closed(ctx, account):
    ended(ctx, "dead")
    account.cloud().leftovers = [instance("i-1", "dead")]
    assert reap(ctx, ReapRequest()).runs == ("dead",)
    assert left(account) == []
    assert [run.finished for run in ctx.runs.past()] == [True]
    assert reap(ctx, ReapRequest()).runs == ()


def test_a_live_run_is_spared_even_when_its_lease_is_over(ctx, account):
    over = (NOW - timedelta(hours=1)).isoformat()
    with ctx.runs.begin(info("alive")):
        account.cloud().leftovers = [instance("i-1", "alive", expires=over)]
        assert reap(ctx, ReapRequest()).found == ()
        with pytest.raises(InputError, match="still running"):
            reap(ctx, ReapRequest(run="alive"))
    assert left(account) == ["i-1"]


def test_what_expired_goes_whoever_made_it(ctx, account):
    ended(ctx, "here", finished=True)
    over, later = ((NOW + timedelta(hours=hours)).isoformat() for hours in (-1, 1))
    account.cloud().leftovers = [
        instance("i-here", "here", expires=over),
        instance("i-there", "elsewhere", expires=over),
        instance("i-busy", "elsewhere", expires=later),
    ]
    assert set(reap(ctx, ReapRequest()).removed) == {"i-here", "i-there"}
    assert left(account) == ["i-busy"]


def test_what_is_kept_on_purpose_stays_until_its_time(ctx, account):
    ended(ctx, "kept", finished=True, kept=(NOW + timedelta(hours=1)).isoformat())
    account.cloud().leftovers = [instance("i-1", "kept")]
    assert reap(ctx, ReapRequest()).found == ()
    assert list(reap(ctx, ReapRequest(run="kept")).removed) == ["i-1"]


def test_what_is_too_young_stays_and_is_found_again(ctx, account):
    ended(ctx, "dead")
    account.cloud().leftovers = [instance("i-old", "dead", hours=9), instance("i-young", "dead", hours=1)]
    reap(ctx, ReapRequest(older_than=4 * 3600))
    assert left(account) == ["i-young"]
    reap(ctx, ReapRequest())
    assert left(account) == []


def test_the_money_is_told_and_never_guessed(ctx, account):
    ended(ctx, "dead")
    volume = Resource("volume", "vol-1", "us-east-1", "dead", created=NOW.isoformat(), detail="20 GB")
    account.cloud().leftovers = [instance("i-1", "dead", hours=10), volume]
    assert reap(ctx, ReapRequest(dry_run=True)).usd == pytest.approx(0.832, abs=0.01)
    account.cloud().leftovers.append(
        Resource("instance", "i-2", "us-east-1", "dead", created=NOW.isoformat(), detail="x9")
    )
    assert reap(ctx, ReapRequest(dry_run=True)).usd is None
    assert left(account) == ["i-1", "vol-1", "i-2"]


def test_programs_read_what_was_found_removed_and_kept(ctx, account):
    ended(ctx, "dead")
    ended(ctx, "kept", finished=True, kept=(NOW + timedelta(hours=1)).isoformat())
    later = (NOW + timedelta(hours=2)).isoformat()
    account.cloud().leftovers = [
        instance("i-1", "dead"),
        Resource("security_group", "sg-1", "us-east-1", "dead"),
        instance("i-kept", "kept", expires=later),
        instance("i-busy", "elsewhere", expires=later),
    ]
    account.cloud().stuck = {"sg-1"}
    machine, group = told(ctx, dry_run=True)["found"]
    assert {key: machine[key] for key in ("kind", "id", "region", "age_seconds", "run")} == {
        "kind": "instance",
        "id": "i-1",
        "region": "us-east-1",
        "age_seconds": 3600.0,
        "run": "dead",
    }
    assert machine["usd_so_far"] == pytest.approx(0.0832, abs=0.001)
    assert (group["age_seconds"], group["usd_so_far"]) == (None, 0.0)
    assert group["reason"] == "EC2 does not tell the age of a security group"

    result = told(ctx)
    assert [one["id"] for one in result["found"]] == ["i-1", "sg-1"]
    assert result["removed"] == ["i-1"]
    assert {one["id"]: one["reason"] for one in result["kept"]} == {
        "i-kept": "run kept keeps it on purpose until 2026-11-20T13:00:00+00:00",
        "i-busy": f"run elsewhere has it until {later}",
        "sg-1": "it is in use",
    }


def test_a_dry_run_removes_nothing(ctx, account):
    ended(ctx, "dead")
    account.cloud().leftovers = [instance("i-1", "dead")]
    assert told(ctx, dry_run=True)["removed"] == []
    assert left(account) == ["i-1"]


def test_a_group_is_as_old_as_its_run(ctx, account):
    with ctx.runs.begin(info("dead", started=(NOW - timedelta(minutes=5)).isoformat())):
        pass
    account.cloud().leftovers = [Resource("security_group", "sg-1", "us-east-1", "dead")]
    (group,) = told(ctx)["found"]
    assert (group["age_seconds"], group["reason"]) == (300.0, "")


def test_what_is_too_young_is_told_with_its_reason(ctx, account):
    ended(ctx, "dead")
    account.cloud().leftovers = [instance("i-young", "dead", hours=1)]
    assert told(ctx, older_than=4 * 3600)["kept"] == [{"id": "i-young", "reason": "it is younger than 14400 s"}]
