"""An account that keeps machines too: what launches are tested with where no machine has to boot."""

from __future__ import annotations

import contextlib
import itertools
from types import SimpleNamespace

import msgspec

from cws_build.errors import CloudError, ResourceNotFound
from cws_build.model.events import LayerFinished, TaskFinished
from cws_build.model.image import DIGEST_TAG, EXPIRES_TAG, RUN_TAG, Ami, Resource
from cws_build.ports import Outcome
from cws_build.ports.machines import MachineState
from tests.image_fakes import Copying
from tests.world import Account, Region

NUMBERS = itertools.count(1)
LIVING = {"pending", "running", "stopping", "stopped"}


class Place(Copying, Region):
    """One region with its machines; it is its own `Cloud`, its own `Machines` and its own `Images`."""

    def __init__(self, name):
        super().__init__(name)
        self.fleet = {}
        self.keys = {}
        self.groups = {}
        self.orders = []
        self.refusals = []
        """Errors that the next orders meet, one each; None lets one through."""

    def run(self, order):
        self.orders.append(order)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal:
            raise refusal
        if not any(ami.id == order.image for ami in self.stock):
            code = "InvalidAMIID.NotFound"
            raise ResourceNotFound(f"{order.image} does not exist", details={"aws_code": code})
        number = next(NUMBERS)
        machine = MachineState(
            id=f"i-{number}",
            region=self.region,
            state="running",
            instance_type=order.instance_type,
            image=order.image,
            architecture="x86_64",
            address=f"192.0.2.{number % 250}",
            launched="2026-11-22T12:00:00+00:00",
            tags=dict(order.tags),
            key_name=order.key_name,
            security_groups=tuple(order.security_groups),
        )
        self.fleet[machine.id] = machine
        return machine

    def describe(self, ids):
        return [self.fleet[one] for one in ids if one in self.fleet]

    def tagged(self, tags):
        living = [one for one in self.fleet.values() if one.state in LIVING]
        return [
            one
            for one in living
            if all(key in one.tags and value in {"", one.tags[key]} for key, value in tags.items())
        ]

    def start(self, ident):
        self._set(ident, state="running", address="192.0.2.251")

    def stop(self, ident):
        self._set(ident, state="stopped", address="")

    def _set(self, ident, **fields):
        self.fleet[ident] = msgspec.structs.replace(self.fleet[ident], **fields)

    def console(self, _ident):
        return "the console"

    def zones(self, _kind):
        return [f"{self.region}a"]

    def open_ports(self, group, ports, _cidr):
        self.groups[group].setdefault("ports", []).extend(ports)

    def import_key(self, name, _public, tags):
        self.keys[name] = dict(tags)

    def create_group(self, name, _subnet, _cidr, tags):
        self.groups[f"sg-{name}"] = {"tags": dict(tags)}
        return f"sg-{name}"

    def written_gb(self, _image):
        return self.gb

    def tag(self, ids, tags):
        for ident in ids:
            if ident in self.fleet:
                self._set(ident, tags=self.fleet[ident].tags | tags)
            for ami in self.stock:
                if ami.id == ident:
                    self._reset(ident, tags=ami.tags | dict(tags))

    def release(self, run):
        held = [one for one in self.resources([run]) if one.kind != "image" or DIGEST_TAG in self._tags(one)]
        for one in held:
            self._tags(one).pop(RUN_TAG, None)
            self._tags(one).pop(EXPIRES_TAG, None)
        return held

    def _tags(self, resource):
        if resource.kind == "instance":
            return self.fleet[resource.id].tags
        if resource.kind == "key_pair":
            return self.keys[resource.id]
        if resource.kind == "security_group":
            return self.groups[resource.id]["tags"]
        return next(ami.tags for ami in self.stock if ami.id == resource.id)

    def everything(self):
        """Return all that is there, finished or not, but for the images that a test put there."""
        living = [Resource("instance", one.id, self.region) for one in self.fleet.values() if one.state in LIVING]
        keys = [Resource("key_pair", one, self.region) for one in self.keys]
        groups = [Resource("security_group", one, self.region) for one in self.groups]
        images = [Resource("image", one.id, self.region) for one in self.stock if one.id.startswith("ami-copy")]
        return [*living, *keys, *groups, *images]

    def resources(self, runs):
        found = [(one, self._tags(one)) for one in self.everything()]
        return [
            Resource(
                one.kind,
                one.id,
                one.region,
                tags.get(RUN_TAG, ""),
                tags.get(EXPIRES_TAG, ""),
                ready=one.kind == "image" and DIGEST_TAG in tags,
            )
            for one, tags in found
            if RUN_TAG in tags and (not runs or tags[RUN_TAG] in runs)
        ]

    def remove(self, resource):
        if resource.id in self.stuck:
            raise CloudError("it is in use")
        if resource.kind == "instance":
            reason = "Client.UserInitiatedShutdown: User initiated shutdown"
            self._set(resource.id, state="terminated", reason=reason)
        self.keys.pop(resource.id, None)
        self.groups.pop(resource.id, None)
        self.stock = [ami for ami in self.stock if ami.id != resource.id]


class Fleets(Account):
    """An account whose regions keep machines."""

    def cloud(self, region=""):
        name = region or self.region
        return self.regions.setdefault(name, Place(name))

    machines = cloud
    images = cloud

    def everything(self):
        return [one for place in self.regions.values() for one in place.everything()]


class Player:
    """Plays every layer well, but for one that fails; remembers what it was given."""

    def __init__(self):
        self.begun = self.ended = 0
        self.played = []
        self.fails = ""
        self.during = lambda: None

    @contextlib.contextmanager
    def begin(self, playbook, emit):
        self.begun += 1
        try:
            yield SimpleNamespace(run=lambda cancel: self._run(playbook, emit, cancel))
        finally:
            self.ended += 1

    def _run(self, playbook, emit, cancel):
        text = (playbook.workspace / "recipe.json").read_bytes()
        layers = [layer["name"] for layer in msgspec.json.decode(text)["layers"]]
        self.played.append(playbook)
        self.during()
        for index, layer in enumerate(layers, 1):
            if layer == self.fails:
                task = TaskFinished(
                    layer=layer, task="Install", path="a.yml:1", status="failed", seconds=0, message="no"
                )
                emit(task)
                return Outcome(("ansible-playbook",), 2, 1.0)
            emit(LayerFinished(layer=layer, index=index, total=len(layers), seconds=1.0))
        return Outcome(("ansible-playbook",), 0, 1.0, interrupted=cancel.is_set())


class Doors:
    """Answers at every door, or at none of those that a test has closed."""

    def __init__(self):
        self.closed = set()

    def ssh(self, host):
        return "ssh" not in self.closed and bool(host)

    def port(self, _host, port):
        return port not in self.closed

    def output_of(self, *_):
        return "the journal"


def make_key(path, comment):
    """Write a key that opens nothing."""
    path.write_text("private")
    path.with_name(path.name + ".pub").write_text(f"ssh-ed25519 AAAA {comment}")
    return f"ssh-ed25519 AAAA {comment}"


__all__ = ["Ami", "Doors", "Fleets", "Place", "Player", "make_key"]
