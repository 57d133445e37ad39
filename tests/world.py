"""A small account that keeps state, and a context around it: what verbs are tested with where no tool takes part."""

from __future__ import annotations

import dataclasses
import fnmatch

from cws_build.drivers.database import Database
from cws_build.drivers.runs import DiskRuns
from cws_build.errors import AccessDenied, CloudError
from cws_build.model.image import Ami
from cws_build.ports.lookup import AllowedImages, Fate
from tests.project import LIBRARY, context


class Region:
    """One region: its images and public parameters, and the questions it was asked."""

    def __init__(self, name):
        self.region = name
        self.stock = []
        self.parameters = {}
        self.asked = []
        self.fails = None
        self.leftovers = []
        self.stuck = set()
        self.enabled = True
        self.private = set()
        self.bin = set()
        self.rules = AllowedImages(state="disabled")
        self.closed = set()
        self.forgotten = 0

    def add(self, ident, **fields):
        values = {"region": self.region, "name": ident, "owner": "self", "architecture": "x86_64", "state": "available"}
        values |= {"created": "2026-11-01T00:00:00+00:00", "volume_gb": 8}
        self.stock.append(Ami(**values | {"id": ident} | fields))
        return self.stock[-1]

    def images(self, query):
        self.asked.append(query)
        self._may_answer()
        return [ami for ami in self.stock if _answers(ami, query)]

    def _may_answer(self):
        if not self.enabled:
            message = "AWS was not able to validate the provided access credentials (AuthFailure)"
            raise AccessDenied(message, details={"aws_code": "AuthFailure"})
        if self.fails:
            raise CloudError(self.fails, hint="wait")

    def parameter(self, name):
        self._may_answer()
        return self.parameters.get(name)

    def fate(self, ident):
        self._may_answer()
        found = next((ami for ami in self.stock if ami.id == ident), None)
        return Fate(ami=found, not_shared=ident in self.private)

    def recycled(self, ident):
        if self.bin is None:
            raise CloudError("no such call", details={"aws_code": "InvalidAction"})
        return ident in self.bin

    def allowed(self):
        return self.rules

    def snapshots(self, ids):
        return frozenset(ids) - self.closed

    def subscribed(self, _product):
        return None

    def account(self):
        return "123456789012"

    def forget(self):
        self.forgotten += 1

    def identity(self):
        if self.fails:
            raise CloudError(self.fails, hint="wait")
        return "arn:aws:iam::123456789012:user/ada"

    def resources(self, runs):
        return [resource for resource in self.leftovers if not runs or resource.run in runs]

    def untagged_images(self, _names):
        return []

    def remove(self, resource):
        if resource.id in self.stuck:
            raise CloudError("it is in use")
        self.leftovers.remove(resource)


def _answers(ami, query):
    tagged = all(ami.tags.get(key) in values for key, values in query.tags.items())
    named = not query.names or any(fnmatch.fnmatch(ami.name, name) for name in query.names)
    told = not query.descriptions or any(fnmatch.fnmatch(ami.description, one) for one in query.descriptions)
    owned = not query.owners or ami.owner in query.owners
    wanted = not query.ids or ami.id in query.ids
    ready = not query.states or ami.state in query.states
    sold = not query.product_codes or set(query.product_codes) & set(ami.product_codes)
    return all((tagged, named, told, owned, wanted, ready, sold, query.architecture in {"", ami.architecture}))


class Account:
    """An account whose regions come into being when they are asked for."""

    name = "aws"
    endpoint = ""
    region = "us-east-1"

    def __init__(self):
        self.regions = {}

    def cloud(self, region=""):
        name = region or self.region
        return self.regions.setdefault(name, Region(name))

    def reader(self, region=""):
        return self.cloud(region)

    def environment(self):
        return {}


def world(state, account, *, folders=(), bake=None, **seams):
    """Return a context of the tests' own library, and of more folders, in a small account."""
    settings = {name: value for name, value in (("bake", bake), ("resolve", seams.pop("resolve", None))) if value}
    ctx = context(*folders, LIBRARY, **settings)
    database = Database(state / "store.db")
    mine = {"runs": DiskRuns(state, lambda: database), "store": lambda: database, "state": state}
    theirs = {"account": lambda: account, "lookup": account.cloud}
    return dataclasses.replace(ctx, **mine | theirs | seams)
