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
    assert "the machine that is kept" in done.error["hint"]
    notice = next(event for event in done.events if event["event"] == "notice" and "keeps running" in event["message"])
    return done, notice


def enter(notice, command):
    """Run a command on the kept machine, by the line that the notice tells; return what it said."""
    line = shlex.split(notice["message"].partition(": ")[2])
    assert line[0] == "ssh"
    entered = subprocess.run(
        [line[0], *UNKNOWN_HOST, *line[1:], command],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert entered.returncode == 0, entered.stderr
    return entered.stdout.strip()


@pytest.fixture
def group(box):
    """A security group of the user's own."""
    ec2 = box.client()
    ident = ec2.create_security_group(GroupName="theirs", Description="of the user's own")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=ident, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    yield ident
    ec2.delete_security_group(GroupId=ident)


def kinds(resources):
    return sorted(kind for kind, _ in resources)


def test_a_kept_machine_can_be_entered_and_goes_when_it_is_named(box, lab, before, tmp_path):
    lab.write("breaks", packages={"system": ["look"]}, post_install="touch /root/evidence\nexit 1\n")
    done, notice = keep(box, lab, tmp_path)
    assert notice["hint"] == f"cws-build reap --run {done.run} removes it before"
    assert enter(notice, "sudo ls /root/evidence") == "/root/evidence"
    key = box.state / "runs" / done.run / "key"

    kept = box.resources()
    assert kinds(kept - before) == ["container", "instance", "security_group", "volume"]
    assert box.cws("reap").json["found"] == []
    assert box.resources() == kept
    assert enter(notice, "true") == ""

    # The recipe itself is free again: a bake of it does not wait for the machine to go.
    again = box.cws("bake", "breaks", libraries=lab.libraries)
    assert again.code == 6, again.out
    assert kept <= box.resources()

    assert key.exists()
    assert box.cws("reap", "--run", done.run).code == 0
    assert not key.exists()
    assert box.resources() - before == box.parts(again.error["details"]["partial_ami"])


def test_a_kept_machine_leaves_a_group_of_the_users_own_alone(box, lab, group, before, tmp_path):
    (tmp_path / "cws-build.toml").write_text(f'[bake]\nsecurity_group_id = "{group}"\n')
    lab.write("breaks", packages={"system": ["theirs"]}, post_install="exit 1\n")
    done, notice = keep(box, lab, tmp_path)
    assert enter(notice, "id -un") == "admin"
    kept = box.resources()
    assert kinds(kept - before) == ["container", "instance", "volume"]
    reaped = box.cws("reap").json
    assert reaped["found"] == []
    assert all("keeps it on purpose until" in one["reason"] for one in reaped["kept"])
    assert {ident for kind, ident in kept - before if kind != "container"} == {one["id"] for one in reaped["kept"]}
    assert box.resources() == kept

    reaped = box.cws("reap", "--run", done.run).json
    assert set(reaped["removed"]) <= {ident for _, ident in kept - before}
    assert box.resources() == before
    assert not box.client().describe_security_groups(GroupIds=[group])["SecurityGroups"][0].get("Tags")


def test_a_kept_machine_goes_when_its_lease_is_over(box, lab, before, tmp_path):
    (tmp_path / "cws-build.toml").write_text("[bake]\nkeep_minutes = 0\n")
    lab.write("breaks", packages={"system": ["lease"]}, post_install="exit 1\n")
    keep(box, lab, tmp_path)
    assert "instance" in kinds(box.resources() - before)
    reaped = box.cws("reap")
    assert reaped.code == 0, reaped.out
    assert box.resources() == before
    again = box.cws("reap").json
    assert (again["found"], again["runs"]) == ([], [])
