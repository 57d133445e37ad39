"""``--on-failure keep``: the machine stays for a look, as long as its lease, and no longer."""

from __future__ import annotations

import shlex
import subprocess

import pytest

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

UNKNOWN_HOST = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]


def keep(box, lab, folder):
    """Bake what fails, and return how it ended and the notice about the machine."""
    done = box.cws("bake", "breaks", "--on-failure", "keep", libraries=lab.libraries, folder=folder)
    assert done.code == 6, done.out
    notice = next(event for event in done.events if event["event"] == "notice" and "keeps running" in event["message"])
    return done, notice


def kinds(resources):
    return sorted(kind for kind, _ in resources)


def test_a_kept_machine_can_be_entered_and_goes_when_it_is_named(box, lab, before, tmp_path):
    lab.write("breaks", packages={"system": ["look"]}, post_install="touch /root/evidence\nexit 1\n")
    done, notice = keep(box, lab, tmp_path)
    assert notice["hint"] == f"cws-build reap --run {done.run} removes it before"
    line = shlex.split(notice["message"].partition(": ")[2])
    assert line[0] == "ssh"
    entered = subprocess.run(
        [line[0], *UNKNOWN_HOST, *line[1:], "sudo ls /root/evidence"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert entered.stdout.strip() == "/root/evidence", entered.stderr

    kept = box.resources()
    assert kinds(kept - before) == ["container", "instance", "security_group", "volume"]
    assert box.cws("reap").json["resources"] == []
    assert box.resources() == kept

    # The recipe itself is free again: a bake of it does not wait for the machine to go.
    again = box.cws("bake", "breaks", libraries=lab.libraries)
    assert again.code == 6, again.out
    assert kept <= box.resources()

    assert box.cws("reap", "--run", done.run).code == 0
    assert box.resources() - before == box.parts(again.error["details"]["partial_ami"])


def test_a_kept_machine_goes_when_its_lease_is_over(box, lab, before, tmp_path):
    (tmp_path / "cws-build.toml").write_text("[bake]\nkeep_minutes = 0\n")
    lab.write("breaks", packages={"system": ["lease"]}, post_install="exit 1\n")
    keep(box, lab, tmp_path)
    assert "instance" in kinds(box.resources() - before)
    reaped = box.cws("reap")
    assert reaped.code == 0, reaped.out
    assert box.resources() == before
    again = box.cws("reap").json
    assert (again["resources"], again["runs"]) == ([], [])
