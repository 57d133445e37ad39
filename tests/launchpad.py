"""A context with machines that are not real, and the requests and images that tests of launches begin with."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from cws_build.actions.plan_launch import plan_launch
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG, layer_tags
from cws_build.model.launching import LaunchRequest, ResolveRequest
from cws_build.model.settings import LaunchSettings, ResolveSettings, Settings
from tests.fleet import Doors, Fleets, Player, make_key
from tests.project import compiled
from tests.world import world

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOME = "us-east-1"
FAR = "ap-south-1"
BASES = {"x86_64": ("amd64", "ami-base"), "arm64": ("arm64", "ami-base-arm")}


class Pad:
    """An account with base images, and what was told while something happened in it."""

    def __init__(self, state):
        self.state = state
        self.account = Fleets()
        self.player = Player()
        self.doors = Doors()
        self.events = []
        self.settings = {}
        for region in (HOME, FAR):
            for arch, (word, ident) in BASES.items():
                self.place(region).add(ident, owner="136693071363", name=f"debian-12-{word}", architecture=arch)
                self.place(region).parameters[f"/aws/service/debian/release/12/latest/{word}"] = ident

    def place(self, region=HOME):
        return self.account.cloud(region)

    def bake(self, count=99, *, ident="ami-baked", template="studio", region=HOME, architecture="x86_64", **fields):
        """Put an image of a template's first layers into a region."""
        recipe = compiled(template, architecture=architecture).recipe
        layers = recipe.layers[:count]
        tags = {DIGEST_TAG: layers[-1].digest, TEMPLATE_TAG: recipe.template}
        tags |= layer_tags([(layer.name, layer.digest) for layer in layers]) | fields.pop("tags", {})
        snapshots = (f"snap-{ident}",)
        return self.place(region).add(ident, tags=tags, architecture=architecture, snapshots=snapshots, **fields)

    @property
    def ctx(self):
        launch = {"ready_minutes": 0.01} | self.settings
        ctx = world(
            self.state,
            self.account,
            clock=lambda: NOW,
            emit=self.events.append,
            ansible=lambda: self.player,
            probe=self.doors,
            make_key=make_key,
            resolve=ResolveSettings(),
        )
        settings = Settings(launch=LaunchSettings(**launch), library=ctx.settings.library)
        return dataclasses.replace(ctx, settings=settings)

    def request(self, template="studio", **words):
        """Return a request; ``region``, ``architecture``, ``strategy`` and ``version`` are those of its resolution."""
        names = ("region", "architecture", "strategy", "version")
        inner = {"architecture": "x86_64"} | {name: words.pop(name) for name in names if name in words}
        return LaunchRequest(resolve=ResolveRequest(template=template, **inner), **{"name": "mine"} | words)

    def plan(self, template="studio", **words):
        return plan_launch(self.ctx, self.request(template, **words))

    def said(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def left(self):
        """Return the kinds of what is there in all regions."""
        return [one.kind for one in self.account.everything()]
