"""Two images side by side: what an inventory takes down, where it is kept, and what a comparison says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.actions.diff_amis import DiffRequest, diff_amis
from cws_build.actions.remember import records
from cws_build.actions.take_inventory import inventory_of, take_inventory
from cws_build.errors import CloudError, InputError, ResourceNotFound
from cws_build.model.ami_diff import changes
from cws_build.model.events import Notice
from cws_build.model.image import layer_tags
from cws_build.model.inventory import Inventory
from cws_build.ports.images import Disk, ImageDetail
from cws_build.ports.machines import Login, MachineState, Said
from tests.project import ROOT
from tests.world import Account, world

OLD, NEW, COPY = (f"ami-{digit * 8}" for digit in "123")
TEXTS = st.dictionaries(st.text("abc", min_size=1), st.text("12"), max_size=6)


class Answers:
    """A machine that prints what it was given; the words of the script that it was sent are kept."""

    def __init__(self, out, code=0, err=""):
        self.said, self.scripts = Said(code=code, out=out, err=err), []

    def run(self, _host, _login, script, _cancel):
        self.scripts.append(script)
        return self.said


class Images:
    """The sizes of images."""

    def __init__(self, region, gb):
        self.region, self.gb = region, gb

    def detail(self, ident):
        found = next((ami for ami in self.region.stock if ami.id == ident), None)
        if found is None:
            raise ResourceNotFound(f"no {ident}")
        disk = Disk(device="/dev/sda1", snapshot="snap-1", size_gb=8, written_gb=self.gb.get(ident))
        return ImageDetail(ami=found, disks=(disk,))


class Place(Account):
    """An account whose images have sizes."""

    def __init__(self):
        super().__init__()
        self.gb = {}

    def images(self, region=""):
        return Images(self.cloud(region), self.gb)


@pytest.fixture
def account():
    found = Place()
    here = found.cloud("us-east-1")
    layers = [("base", "1" * 64), ("apt", "2" * 64)]
    here.add(OLD, tags={"cws:version": "1.0.0", "cws:base-ami": "ami-a", **layer_tags(layers)})
    here.add(NEW, tags={"cws:version": "1.1.0", "cws:base-ami": "ami-b", **layer_tags([*layers, ("pip", "3" * 64)])})
    found.cloud("eu-west-1").add(COPY, tags={"cws:copied-from": f"{OLD} in us-east-1"})
    return found


@pytest.fixture
def told():
    return []


@pytest.fixture
def ctx(tmp_path, account, told):
    return world(tmp_path, account, emit=told.append)


def inventory(**fields):
    return Inventory(taken="2026-11-23T00:00:00+00:00", **fields)


def take(ctx, probe, ident=OLD):
    import dataclasses

    machine = MachineState(
        id="i-1", region="us-east-1", state="running", instance_type="t3.large", image=ident, address="127.0.0.1"
    )
    return take_inventory(
        dataclasses.replace(ctx, probe=probe), machine, Login(user="admin", known_hosts=ctx.state / "known")
    )


def test_what_the_program_prints_is_an_inventory(ctx):
    done = subprocess.run(
        [sys.executable, str(ROOT / "playbooks" / "inventory.py")], capture_output=True, text=True, check=True
    )
    probe = Answers(done.stdout)
    found = take(ctx, probe)
    assert found.kernel
    assert found.users["root"]
    assert set(json.loads(done.stdout)) <= set(Inventory.__struct_fields__)
    assert "python3 -" in probe.scripts[0]
    assert records(ctx, Inventory).get(OLD) == found


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answers("", 127, "sh: 1: python3: not found"), "python3: not found"),
        (Answers("{", 1), "{"),
        (Answers('{"packages": 3}'), "packages"),
        (Answers("", 1), "exit status 1"),
    ],
)
def test_a_machine_that_cannot_tell_costs_no_image(ctx, told, answer, reason):
    assert take(ctx, answer) is None
    (notice,) = [event for event in told if isinstance(event, Notice)]
    assert reason in notice.message
    assert records(ctx, Inventory).get(OLD) is None


def test_a_copy_has_its_masters_inventory(ctx, account):
    records(ctx, Inventory).put(OLD, inventory(kernel="6.1"))
    copy = account.cloud("eu-west-1").stock[0]
    assert inventory_of(ctx, copy).kernel == "6.1"
    account.cloud("us-east-1").stock = []
    assert inventory_of(ctx, copy).kernel == "6.1", "also when the master is gone"


def test_release_notes(ctx, account):
    account.gb = {OLD: 2.5, NEW: 3.0}
    old = inventory(
        kernel="6.1.0-20",
        packages={"deb": {"curl": "7.88", "vim": "9.0"}, "pip /opt/venv": {"numpy": "1.26"}},
        services={"ssh.service": "enabled running"},
        ports={"22": "sshd"},
        users={"admin": "/bin/bash"},
    )
    new = inventory(
        kernel="6.1.0-21",
        packages={"deb": {"curl": "7.89", "git": "2.39"}, "pip /opt/venv": {"numpy": "1.26"}},
        services={"ssh.service": "enabled running", "jupyter.service": "enabled running"},
        ports={"22": "sshd", "8888": "jupyter-lab"},
        users={"admin": "/bin/bash"},
    )
    for ident, found in ((OLD, old), (NEW, new)):
        records(ctx, Inventory).put(ident, found)
    diff = diff_amis(ctx, DiffRequest(old=OLD, new=NEW))
    assert (diff.warnings, diff.gb) == ((), (2.5, 3.0))
    assert set(diff.packages) == {"deb"}
    deb = diff.packages["deb"]
    assert (deb.added, deb.removed, deb.changed) == ({"git": "2.39"}, {"vim": "9.0"}, {"curl": ("7.88", "7.89")})
    assert list(diff.services.added) == ["jupyter.service"]
    assert diff.ports.added == {"8888": "jupyter-lab"}
    assert diff.users.empty
    assert list(diff.layers.added) == ["pip"]
    assert diff.facts.changed == {"base_ami": ("ami-a", "ami-b"), "kernel": ("6.1.0-20", "6.1.0-21")}
    assert diff_amis(ctx, DiffRequest(old=OLD, new=OLD)).empty


def test_without_an_inventory_there_are_tags(ctx):
    records(ctx, Inventory).put(OLD, inventory(kernel="6.1"))
    diff = diff_amis(ctx, DiffRequest(old=OLD, new=NEW))
    assert [NEW in warning for warning in diff.warnings] == [True]
    assert (list(diff.layers.added), diff.facts.changed) == (["pip"], {"base_ami": ("ami-a", "ami-b")})
    assert diff.gb == (None, None)


def test_an_image_that_is_not_there(ctx, account):
    with pytest.raises(InputError, match="no image ami-44444444 in us-east-1"):
        diff_amis(ctx, DiffRequest(old="ami-44444444", new=NEW))
    account.cloud("us-east-1").fails = "the network is down"
    with pytest.raises(CloudError, match="network"):
        diff_amis(ctx, DiffRequest(old=OLD, new=NEW))


@given(TEXTS, TEXTS)
def test_changes_lead_from_the_old_to_the_new(old, new):
    found = changes(old, new)
    again = {name: value for name, value in old.items() if name not in found.removed} | found.added
    again |= {name: there for name, (_, there) in found.changed.items()}
    assert again == new
    assert found.empty == (old == new)
    back = changes(new, old)
    assert (back.added, back.removed) == (found.removed, found.added)
