"""A removal that kills itself at some moment: ``python -m tests.dying_retire STATE BOX DATABASE PHASE WORK…``."""

from __future__ import annotations

import dataclasses
import sys
from datetime import timedelta
from pathlib import Path

from cws_build.actions.clean_up import clean_up
from cws_build.actions.plan_cleanup import plan_cleanup
from cws_build.actions.plan_retire import plan_retire
from cws_build.actions.retire import deregister, disable, enable
from cws_build.drivers.database import Database
from cws_build.model.clean_up import Policy
from cws_build.model.cleaning import CleanupRequest
from cws_build.model.retiring import Retirement, RetireRequest
from cws_build.sandbox.control import Sandbox
from tests.copying import sandbox_context
from tests.dying import Through, die

REMOVE_PHASES = ("before the line", "before the call", "after the image", "after the call", "after a snapshot", "done")
AGE_PHASES = ("before deprecating", "after deprecating")
DISABLE_PHASES = ("before disabling", "after disabling", "enabled")


class DyingRecords(Through):
    def change(self, key, how):
        if self._phase == "before the line":
            die()
        return self._inner.change(key, how)

    def put(self, key, value):
        self._inner.put(key, value)
        if self._phase == "done":
            die()


class DyingStore(Through):
    def records(self, kind, account):
        found = self._inner.records(kind, account)
        return DyingRecords(found, self._phase) if kind is Retirement else found


class DyingImages(Through):
    def deregister(self, image):
        if self._phase == "before the call":
            die()
        if self._phase in {"after the image", "after a snapshot"}:
            snapshots = self._inner.detail(image).ami.snapshots
            # As where EC2 removes the image, and whoever asked dies before the snapshots have gone, or in between.
            self._inner._ec2.deregister_image(ImageId=image)
            for snapshot in snapshots[:1] if self._phase == "after a snapshot" else ():
                self._inner.delete_snapshot(snapshot)
            die()
        found = self._inner.deregister(image)
        if self._phase == "after the call":
            die()
        return found

    def disable(self, image):
        if self._phase == "before disabling":
            die()
        self._inner.disable(image)
        if self._phase == "after disabling":
            die()

    def deprecate(self, image, at):
        if self._phase == "before deprecating":
            die()
        self._inner.deprecate(image, at)
        if self._phase == "after deprecating":
            die()

    def enable(self, image):
        self._inner.enable(image)
        if self._phase == "enabled":
            die()


class DyingAccount(Through):
    def images(self, region=""):
        return DyingImages(self._inner.images(region), self._phase)


def context(state, box, database, phase):
    """Return a context of sixty days later that dies at a phase; the empty phase never comes."""
    sandbox = Sandbox(Path(box), Path(box) / "cache", machines=False)
    ctx = sandbox_context(sandbox, Path(state), store=Database(database))
    account, store, later = DyingAccount(ctx.account(), phase), DyingStore(ctx.store(), phase), ctx.clock()
    later += timedelta(days=60)
    return dataclasses.replace(ctx, account=lambda: account, store=lambda: store, clock=lambda: later)


def work(ctx, what, *words):
    """Do what a command does that was agreed to."""
    request = RetireRequest(images=words, agreed=True)
    if what in {"cleanup", "age"}:
        policy = Policy(keep=1 if what == "cleanup" else 2)
        return clean_up(ctx, plan_cleanup(ctx, CleanupRequest(policy=policy, agreed=True)))
    if what == "enable":
        return enable(ctx, request)
    carry_out = {"deregister": deregister, "disable": disable}[what]
    return carry_out(ctx, plan_retire(ctx, what, request))


def main(state, box, database, phase, *words):
    """Do some work, and die."""
    work(context(state, box, database, phase), *words)


if __name__ == "__main__":
    main(*sys.argv[1:])
