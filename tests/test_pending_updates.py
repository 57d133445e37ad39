"""Which updates the distribution offers: the program that asks it, what is kept, and what the plan makes of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.actions.advisories import advise
from cws_build.actions.await_within import Reached
from cws_build.actions.remember import records
from cws_build.actions.take_pending import pending_of, take_pending
from cws_build.actions.updates import UpdatesRequest, plan
from cws_build.errors import InputError
from cws_build.frontends.commands.updates import _plan_text
from cws_build.model.events import Notice
from cws_build.model.freshness import Advisory
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG, layer_tags
from cws_build.model.pending import Look, Pending, SecurityUpdate, remembered, security_updates
from cws_build.model.settings import UpdateSettings
from cws_build.model.updates import Facts, Spent, plan_updates
from cws_build.ports.machines import Login, MachineState, Said
from tests.project import DATA, ROOT, compiled
from tests.test_updates import FRESH, NOW, POLICY
from tests.world import Account, world

RECORDED = DATA / "pending"
APT = """\
case "$*" in
*update) cat {0}/update.txt; cat {0}/update.err >&2 2>/dev/null; exit 0 ;;
*dist-upgrade) cat {0}/dist-upgrade.txt ;;
*madison*) cat {0}/madison.txt ;;
esac
"""
DNF = """\
case "$*" in
*check-update) cat {0}/check-update.txt; cat {0}/check-update.err >&2 2>/dev/null; exit ${{CODE:-100}} ;;
*updateinfo*) cat {0}/updateinfo.txt ;;
esac
"""
DPKG = """\
[ "$1 $3" = "--compare-versions gt" ] || exit 2
[ "$2" != "$4" ] && [ "$(printf '%s\\n' "$2" "$4" | sort -V | tail -1)" = "$2" ]
"""


class Desk:
    """A folder of tools that say what was recorded."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("cat", "sort", "tail"):
            (folder / name).symlink_to(shutil.which(name))

    def tool(self, name, script):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def apt(self, recorded):
        self.tool("apt-get", APT.format(RECORDED / recorded))
        self.tool("apt-cache", APT.format(RECORDED / recorded))
        self.tool("dpkg", DPKG)

    def dnf(self, recorded):
        self.tool("dnf", DNF.format(RECORDED / recorded))
        self.tool("rpm", f"cat {RECORDED / recorded}/rpm.txt")

    def ask(self, **environment):
        done = subprocess.run(
            [sys.executable, str(ROOT / "playbooks" / "pending.py")],
            env={"PATH": str(self.folder)} | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


DEBIAN = (
    "apt ca-certificates libapt-pkg6.0 libexpat1 libpcre2-8-0 libpython3.11-minimal libpython3.11-stdlib libssl3 "
    "openssl perl-base python3.11 python3.11-minimal tzdata"
)


def test_apt_on_debian(desk):
    desk.apt("debian")
    found = desk.ask()
    assert list(found["packages"]) == DEBIAN.split(), "each of apt's own list"
    assert found["packages"]["libssl3"] == ["3.0.20-1~deb12u2", "3.0.22-1~deb12u2"]
    assert found["security"] == dict.fromkeys(DEBIAN.split(), ""), "all are from the security archive, and none rated"
    assert found["unanswered"] == []


def test_apt_on_ubuntu(desk):
    desk.apt("ubuntu")
    found = desk.ask()
    assert set(found["packages"]) == {"curl", "libc6:i386", "linux-image-aws", "openssl", "tzdata", "vim-common"}, (
        "nothing that is new, and nothing that is kept back"
    )
    # curl's newest is no security update, but one lies between that and what is installed.
    assert set(found["security"]) == {"curl", "libc6:i386", "linux-image-aws", "openssl"}


def test_apt_with_sources_that_do_not_answer(desk):
    desk.apt("silent")
    found = desk.ask()
    assert (len(found["packages"]), len(found["unanswered"])) == (13, 2)
    assert found["unanswered"][0].startswith("http://127.0.0.1:9/debian/dists/bookworm/InRelease Could not connect")


def test_apt_with_no_source_that_answers(desk):
    desk.tool(
        "apt-get", "echo 'Err:1 http://u:p@m/d x InRelease'; echo 'E: Failed to fetch http://u:p@m/d' >&2; exit 100"
    )
    assert desk.ask() == {"error": "http://m/d"}
    desk.tool("apt-get", "exit 0")
    assert desk.ask() == {"error": "it has no package source"}


def test_apt_that_cannot_say(desk):
    desk.tool(
        "apt-get", "case \"$*\" in *update) echo 'Get:1 x';; *) echo 'E: Unmet dependencies.' >&2; exit 100;; esac"
    )
    assert desk.ask() == {"error": "E: Unmet dependencies."}


def test_dnf_4(desk):
    desk.dnf("rocky")
    found = desk.ask()
    long = "python3-a-module-with-a-name-that-is-too-long-for-its-column"
    assert found["packages"] == {
        "NetworkManager": ["1:1.48.10-2.el9_5", "1:1.48.10-8.el9_5"],
        "kernel": ["5.14.0-503.14.1.el9_5", "5.14.0-503.40.1.el9_5"],
        "kernel-core": ["5.14.0-503.14.1.el9_5", "5.14.0-503.40.1.el9_5"],
        long: ["3.2.0-1.el9", "3.2.1-4.el9"],
        "openssl": ["1:3.2.2-6.el9_5", "1:3.2.2-6.el9_5.1"],
        "tzdata": ["2024b-2.el9", "2025b-1.el9"],
    }
    assert found["security"] == {
        "NetworkManager": "",
        "kernel": "important",
        "kernel-core": "important",
        "openssl": "moderate",
    }


def test_dnf_5(desk):
    desk.dnf("fedora")
    found = desk.ask()
    assert found["security"] == {"vim-minimal": "moderate", "xz": ""}
    assert found["packages"]["xz"] == ["1:5.8.0-1.fc42", "1:5.8.1-2.fc42"]


def test_dnf_that_fails(desk):
    desk.tool("dnf", "echo \"Error: Failed to download metadata for repo 'baseos'\" >&2; exit 1")
    assert desk.ask() == {"error": "Error: Failed to download metadata for repo 'baseos'"}


def test_dnf_with_repositories_that_do_not_answer(desk):
    desk.tool("dnf", "echo 'Ignoring repositories: extra, more' >&2; exit 0")
    desk.tool("rpm", "exit 0")
    assert desk.ask() == {"packages": {}, "security": {}, "unanswered": ["extra, more"]}


def test_neither(desk):
    assert desk.ask() == {"error": "it has neither apt nor dnf"}


DAY = [f"2026-11-{day:02d}T00:00:00+00:00" for day in range(1, 31)]


def look(*security, unanswered=(), offered="2", plain=()):
    names = dict.fromkeys([*security, *plain], ("1", offered))
    return Look(packages=names, security=dict.fromkeys(security, ""), unanswered=unanswered)


def test_severities_are_told_in_our_words():
    words = {"a": "Critical", "b": "important", "c": "Moderate", "d": "low", "e": "", "f": "None", "g": "low"}
    packages = dict.fromkeys("abcdef", ("1", "2"))
    kept = remembered(Look(packages=packages, security=words), DAY[0], None, ())
    assert kept.security == {"a": "critical", "b": "high", "c": "medium", "d": "low", "e": "", "f": ""}


def test_a_security_update_counts_from_when_it_was_first_seen():
    first = remembered(look("a", plain=["b"]), DAY[1], None, ())
    second = remembered(look("a", "b", offered="3"), DAY[5], first, ())
    assert second.since == {"a": DAY[1], "b": DAY[5]}, "b's update of the first day was no security update"
    assert remembered(look("b"), DAY[6], second, ()).since == {"b": DAY[5]}
    assert [one.package for one in security_updates(second)] == ["a", "b"]


def test_the_very_same_update_may_have_been_seen_for_another_image():
    other = remembered(look("a", "b"), DAY[1], None, ())
    assert remembered(look("a"), DAY[5], None, [other]).since == {"a": DAY[1]}
    assert remembered(look("a", offered="3"), DAY[5], None, [other]).since == {"a": DAY[5]}


def test_a_source_that_did_not_answer_takes_nothing_away():
    before = remembered(look("a", plain=["b"]), DAY[1], None, ())
    after = remembered(look("c", unanswered=("m",)), DAY[2], before, ())
    assert (set(after.packages), after.since) == ({"a", "b", "c"}, {"a": DAY[1], "c": DAY[2]})
    assert set(remembered(look("c"), DAY[2], before, ()).packages) == {"c"}


LOOKS = st.builds(
    lambda security, plain, offered, silent: look(*security, plain=plain, offered=offered, unanswered=silent),
    st.sets(st.sampled_from("abc")),
    st.sets(st.sampled_from("abcd")),
    st.sampled_from("23"),
    st.sampled_from([(), ("m",)]),
)


@given(st.lists(LOOKS, min_size=1, max_size=6), LOOKS)
def test_whatever_was_seen_each_security_update_has_its_day(looks, elsewhere):
    other, kept = remembered(elsewhere, DAY[0], None, ()), None
    for day, one in zip(DAY[1:], looks, strict=False):
        kept = remembered(one, day, kept, [other])
        assert set(kept.since) == set(kept.security) <= set(kept.packages)
        assert all(first <= kept.taken for first in kept.since.values())
        assert set(one.packages) <= set(kept.packages)


def update(package="openssl", severity="", hours=1.0):
    since = (NOW - timedelta(hours=hours)).isoformat()
    return SecurityUpdate(package=package, installed="1", offered="2", severity=severity, since=since)


def planned(*updates, policy=POLICY, baked_at="2026-11-20T00:00:00+00:00", **fresh):
    known = Facts(
        template="studio",
        architecture="x86_64",
        region="us-east-1",
        ami_id="ami-1",
        freshness=msgspec.structs.replace(FRESH, **fresh),
        pending=updates,
        baked_at=baked_at,
    )
    return plan_updates([known], policy, Spent(), NOW)


@pytest.mark.parametrize(
    ("severity", "hours"), [("critical", 4), ("high", 24), ("medium", 168), ("low", 720), ("", 168)]
)
def test_a_security_update_has_a_deadline_by_its_severity(severity, hours):
    (one,) = planned(update(severity=severity)).decisions
    assert one.due == NOW - timedelta(hours=1) + timedelta(hours=hours)
    assert (one.reasons[0].kind, one.refresh, one.at) == ("security", True, NOW)


def test_what_is_not_rated_counts_as_the_settings_say():
    policy = msgspec.structs.replace(POLICY, unrated_security="critical")
    (one,) = planned(update(), policy=policy).decisions
    assert one.due == NOW + timedelta(hours=3)
    assert one.reasons[0].detail == "1 security update (not rated, counted as critical): openssl 2"


def test_security_updates_of_a_severity_are_one_reason():
    found = planned(*(update(name, "high", hours=number) for number, name in enumerate("abcde")), update("z", "low"))
    high, low = found.decisions[0].reasons
    assert high.detail == "5 security updates (high): a 2, b 2, c 2, 2 more"
    assert high.due == NOW - timedelta(hours=4) + timedelta(hours=24), "the oldest counts"
    assert low.detail == "1 security update (low): z 2"


def test_pending_updates_without_security_are_a_number_and_no_reason():
    found = planned(packages_pending=7, security_pending=0, pending_as_of="2026-11-22T09:30:00+00:00")
    assert found.decisions == ()
    assert "  pending updates: 7, 0 of them for security, as of 2026-11-22 09:30" in list(_plan_text(found))


def test_a_bake_that_would_bring_nothing_is_not_asked_for():
    found = planned(update(hours=5), update("zlib", hours=1), baked_at=(NOW - timedelta(hours=3)).isoformat())
    assert [reason.detail for reason in found.decisions[0].reasons] == [
        "1 security update (not rated, counted as medium): zlib 2"
    ]
    (warning,) = found.warnings
    assert "1 security update (openssl 2), offered already when it was baked, and baking does not install it" in warning
    assert planned(update(hours=5), baked_at=(NOW - timedelta(hours=3)).isoformat()).decisions == ()


def test_a_changed_template_does_not_keep_the_old_packages():
    (one,) = planned(update(), template_changed=("pip",)).decisions
    assert one.refresh, "the layers that did not change would come from the image that lacks the update"


def test_what_nobody_has_looked_at_is_said_to_be_unknown():
    (line,) = [line for line in _plan_text(planned()) if "pending" in line]
    assert line == "  pending updates: not known; cws-build ami test studio --boot looks"
    (line,) = [line for line in _plan_text(planned(packages_pending=2)) if "pending" in line]
    assert line.endswith("looks; 2 by advisories")
    (line,) = [line for line in _plan_text(planned(template_changed=("pip",))) if "pending" in line]
    assert "not known" in line


class Answers:
    """A machine that answers whatever it is asked with one thing."""

    def __init__(self, out, code=0, err="", ended=False):
        self.said = Said(code=code, out=out if isinstance(out, str) else json.dumps(out), err=err, ended=ended)
        self.scripts = []

    def run(self, _host, _login, script, _cancel):
        self.scripts.append(script)
        return self.said


class Lot:
    """An account with an image and its copy, and looks at them."""

    def __init__(self, folder):
        self.account, self.told, self.now = Account(), [], NOW
        here = self.account.cloud("us-east-1")
        here.add("ami-b", name="debian-12-amd64-1", owner="136693071363", created="2026-11-01T00:00:00+00:00")
        recipe = compiled("studio").recipe
        tags = {TEMPLATE_TAG: recipe.template, "cws:version": recipe.version, "cws:base-ami": "ami-b"}
        tags |= {"cws:baked-at": "2026-11-20T00:00:00+00:00", DIGEST_TAG: "d" * 64}
        tags |= layer_tags([(layer.name, layer.digest) for layer in recipe.layers])
        self.ami = here.add("ami-mine", tags=tags, created="2026-11-20T00:00:00+00:00")
        there = self.account.cloud("eu-west-1")
        there.add("ami-eu-b", name="debian-12-amd64-1", owner="136693071363", created="2026-11-01T00:00:00+00:00")
        self.copy = there.add("ami-copy", tags=tags | {"cws:copied-from": "ami-mine in us-east-1"})
        self.ctx = world(folder, self.account, clock=lambda: self.now, emit=self.told.append)

    def look(self, answer, ami=None):
        ami = ami or self.ami
        machine = MachineState(
            id="i-1", region=ami.region, state="running", instance_type="t3.large", image=ami.id, address="127.0.0.1"
        )
        reached = Reached(machine=machine, login=Login(user="admin", known_hosts=self.ctx.state / "known"))
        return take_pending(dataclasses.replace(self.ctx, probe=answer), reached, ami)

    def retag(self, tags):
        stock = self.account.cloud("us-east-1").stock
        at = next(at for at, one in enumerate(stock) if one.id == self.ami.id)
        stock[at] = msgspec.structs.replace(stock[at], tags=stock[at].tags | tags)

    def plan(self, *regions):
        return plan(self.ctx, UpdatesRequest(templates=("studio",), architecture="x86_64", regions=regions))

    def notices(self):
        return [event.message for event in self.told if isinstance(event, Notice)]


@pytest.fixture
def lot(tmp_path):
    return Lot(tmp_path)


FOUND = {"packages": {"openssl": ["1", "2"], "vim": ["8", "9"]}, "security": {"openssl": "important"}, "unanswered": []}


def test_a_look_is_kept_and_asked_by_the_plan(lot):
    answer = Answers(FOUND)
    found = lot.look(answer)
    assert (found.taken, found.security) == ("2026-11-23T12:00:00+00:00", {"openssl": "high"})
    assert "python3 -" in answer.scripts[0]
    (one,) = lot.plan().decisions
    assert one.reasons[0].detail == "1 security update (high): openssl 2"
    assert one.due == NOW + timedelta(hours=24)
    fresh = one.freshness
    assert (fresh.packages_pending, fresh.security_pending, fresh.pending_as_of) == (2, 1, found.taken)
    advise(lot.ctx, "CVE-1", Advisory(package="openssl", severity="low", published=NOW.isoformat()))
    advise(lot.ctx, "CVE-2", Advisory(package="zlib", severity="low", published=NOW.isoformat()))
    assert lot.plan().decisions[0].freshness.packages_pending == 3


def test_a_copy_and_its_master_share_a_look(lot):
    found = lot.look(Answers(FOUND), lot.copy)
    assert pending_of(lot.ctx, lot.ami) == pending_of(lot.ctx, lot.copy) == found
    assert {one.region for one in lot.plan("us-east-1", "eu-west-1").decisions} == {"us-east-1", "eu-west-1"}
    assert set(records(lot.ctx, Pending).all()) == {"ami-mine"}


def test_the_deadline_runs_from_the_first_look(lot):
    lot.look(Answers(FOUND))
    lot.now = NOW + timedelta(hours=20)
    lot.look(Answers(FOUND))
    (one,) = lot.plan().decisions
    assert one.due == NOW + timedelta(hours=24)


def test_an_image_that_was_baked_since_is_not_baked_for_the_same_again(lot):
    old = lot.account.cloud("us-east-1").add("ami-older")
    lot.now = NOW - timedelta(days=5)
    lot.look(Answers(FOUND), old)
    lot.now = NOW
    lot.look(Answers(FOUND))
    found = lot.plan()
    assert found.decisions == ()
    assert "baking does not install it" in found.warnings[0]


def test_layers_are_as_old_as_the_image_that_they_were_taken_from(lot):
    here = lot.account.cloud("us-east-1")
    parent = here.add("ami-parent", tags={"cws:base-ami": "ami-b", "cws:baked-at": "2026-11-10T00:00:00+00:00"})
    child = {"cws:started-from": parent.id, "cws:baked-at": "2026-11-21T00:00:00+00:00"}
    lot.retag(child)
    lot.now = NOW - timedelta(days=5)
    lot.look(Answers(FOUND), here.add("ami-older"))
    advise(lot.ctx, "CVE-1", Advisory(package="zlib", severity="low", published="2026-11-15T00:00:00+00:00"))
    lot.now = NOW
    lot.look(Answers(FOUND))
    (one,) = lot.plan().decisions
    assert {reason.detail for reason in one.reasons} == {"1 security update (high): openssl 2", "CVE-1 (low): zlib"}
    here.stock.remove(parent)
    (one,) = lot.plan().decisions
    assert [reason.detail for reason in one.reasons] == ["1 security update (high): openssl 2"], "its age is not known"
    lot.retag({"cws:started-from": "ami-b", "cws:baked-at": "2026-11-21T00:00:00+00:00"})
    assert lot.plan().decisions == ()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answers({"error": "http://m/d Could not connect"}), "is not known: http://m/d Could not connect"),
        (Answers("", 127, "sh: 1: python3: not found"), "python3: not found"),
        (Answers("{", 1), "{"),
        (Answers('{"packages": 3}'), "packages"),
        (Answers("", 1), "exit status 1"),
        (Answers("", -9, ended=True), "did not end within 150 s"),
    ],
)
def test_a_look_that_fails_is_told_and_changes_nothing(lot, answer, reason):
    before = lot.look(Answers(FOUND))
    assert lot.look(answer) is None
    assert reason in lot.notices()[-1]
    assert pending_of(lot.ctx, lot.ami) == before


def test_a_source_that_does_not_answer_is_told(lot):
    lot.look(Answers(FOUND))
    found = lot.look(Answers({"packages": {}, "security": {}, "unanswered": ["http://m/d Could not connect"]}))
    assert set(found.packages) == {"openssl", "vim"}
    assert "a package source did not answer: http://m/d" in lot.notices()[0]


def test_a_severity_that_is_none(lot):
    wrong = msgspec.structs.replace(lot.ctx.settings, updates=UpdateSettings(unrated_security="grave"))
    lot.ctx = dataclasses.replace(lot.ctx, settings=wrong)
    with pytest.raises(InputError, match="unrated_security: 'grave' is no severity"):
        lot.plan()
