"""A small account that keeps state, and a context around it: what verbs are tested with where no tool takes part."""

from __future__ import annotations

import dataclasses
import fnmatch

from cws_build.drivers.runs import DiskRuns
from cws_build.errors import CloudError
from cws_build.model.image import Ami
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

    def add(self, ident, **fields):
        values = {"region": self.region, "name": ident, "owner": "self", "architecture": "x86_64", "state": "available"}
        values |= {"created": "2026-11-01T00:00:00+00:00", "volume_gb": 8}
        self.stock.append(Ami(**values | {"id": ident} | fields))
        return self.stock[-1]

    def images(self, query):
        self.asked.append(query)
        if self.fails:
            raise CloudError(self.fails, hint="wait")
        return [ami for ami in self.stock if _answers(ami, query)]

    def parameter(self, name):
        return self.parameters.get(name)

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
    owned = not query.owners or ami.owner in query.owners
    wanted = not query.ids or ami.id in query.ids
    return tagged and named and owned and wanted and query.architecture in {"", ami.architecture}


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

    def environment(self):
        return {}


def world(state, account, *, bake=None, **seams):
    """Return a context of the tests' own library in a small account."""
    settings = {"bake": bake} if bake else {}
    ctx = context(LIBRARY, **settings)
    return dataclasses.replace(ctx, runs=DiskRuns(state), state=state, account=lambda: account, **seams)
