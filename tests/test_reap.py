"""What `reap` takes and what it spares, over an account that keeps state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
        assert reap(ctx, ReapRequest()).resources == ()
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
    assert {resource.id for resource in reap(ctx, ReapRequest()).resources} == {"i-here", "i-there"}
    assert left(account) == ["i-busy"]


def test_what_is_kept_on_purpose_stays_until_its_time(ctx, account):
    ended(ctx, "kept", finished=True, kept=(NOW + timedelta(hours=1)).isoformat())
    account.cloud().leftovers = [instance("i-1", "kept")]
    assert reap(ctx, ReapRequest()).resources == ()
    assert [resource.id for resource in reap(ctx, ReapRequest(run="kept")).resources] == ["i-1"]


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
