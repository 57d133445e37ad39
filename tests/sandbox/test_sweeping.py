"""File systems that nothing needs any more are dropped, and none that a machine still needs."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import pytest

from cws_build.errors import ToolError
from cws_build.sandbox.imaging import Imaging
from cws_build.sandbox.machines import NoMachines
from cws_build.sandbox.world import World


class Files(NoMachines):
    """Keeps references as podman would, and can be too busy to drop one: real podman fails so only by chance."""

    def __init__(self, references):
        self.there = set(references)
        self.busy = False

    def references(self):
        return sorted(self.there)

    def forget(self, reference):
        if self.busy:
            raise ToolError("podman rmi failed: layer is in use")
        self.there.remove(reference)


class Now:
    """An executor that does everything at once."""

    def submit(self, work, *words):
        work(*words)


class Region:
    """A region with snapshots and machines."""

    def __init__(self, world, snapshots=()):
        self.world = world
        self.snapshots = list(snapshots)
        self.machines = {}

    def held(self):
        return self.snapshots

    def rootfs(self, snapshot):
        return f"{self.world.repository()}:{snapshot}"

    def machine(self, snapshot, state):
        self.machines["i-1"] = SimpleNamespace(rootfs=self.rootfs(snapshot), state=state)


@pytest.fixture
def world():
    return World("sweeping", ipaddress.IPv4Network("127.9.0.0/16"), {}, {})


@pytest.fixture
def region(world):
    return Region(world, ["snap-stays"])


@pytest.fixture
def files(region):
    return Files(region.rootfs(one) for one in ("snap-stays", "snap-goes"))


@pytest.fixture
def postponed():
    return []


@pytest.fixture
def sweep(world, region, files, postponed):
    def again():
        imaging.sweep([region])

    imaging = Imaging(world, files, Now(), again, lambda *words: postponed.append(words))

    def sweep():
        again()
        return {reference.rpartition(":")[2] for reference in files.there}

    return sweep


def test_what_no_snapshot_holds_goes(sweep):
    assert sweep() == {"snap-stays"}


@pytest.mark.parametrize("state", ["pending", "running", "stopped", "shutting-down"])
def test_what_a_machine_was_started_from_stays_until_it_is_gone(sweep, region, state):
    region.machine("snap-goes", state)
    assert sweep() == {"snap-stays", "snap-goes"}
    region.machine("snap-goes", "terminated")
    assert sweep() == {"snap-stays"}


def test_what_could_not_be_dropped_is_tried_again_though_nothing_else_happens(sweep, files, postponed):
    files.busy = True
    assert sweep() == {"snap-stays", "snap-goes"}
    files.busy = False
    ((seconds, again),) = postponed
    again()
    assert seconds > 0
    assert sweep() == {"snap-stays"}
    assert len(postponed) == 1
