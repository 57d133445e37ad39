"""A process that kills itself at a moment of its work: ``python -m tests.dying STATE BOX DATABASE PHASE WORK…``.

The seams of its context count what passes by; nothing of the code under test knows of it.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from cws_build.actions.create_ami import create_ami
from cws_build.drivers.database import Database
from cws_build.model.creating import CreateRequest
from cws_build.sandbox.control import Sandbox
from tests.copying import go, sandbox_context
from tests.project import ROOT

COPY_PHASES = ("before the line", "before the call", "after the call", "pending", "available", "tagged", "settled")
CREATE_PHASES = ("before the line", "before the stop", "standing still", "after the call", "pending", "finished")

OPENS = ("images", "parameters", "records")
"""Calls that open a further seam."""


def die():
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


def dies(module, *words):
    """Run a module in a process that kills itself; fail the test when it ends otherwise."""
    argv = [sys.executable, "-m", module, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr or "it has ended before that moment"


class Through:
    """Passes everything on to another object."""

    def __init__(self, inner, phase):
        self._inner, self._phase = inner, phase

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Counting(Through):
    """Dies before the change of a number; the seams that one process opens count together."""

    def __init__(self, inner, phase, changes, number):
        super().__init__(inner, phase)
        self._changes, self._number = changes, number

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name in OPENS:
            return lambda *words, **more: Counting(found(*words, **more), self._phase, self._changes, self._number)
        if name not in self._changes:
            return found

        def call(*words, **more):
            if next(self._number) == self._phase:
                die()
            return found(*words, **more)

        return call


def dying_at(ctx, phase, changes):
    """Return a context that dies before the change of a number, in the cloud or in the store, from 1."""
    number, account, store = itertools.count(1), ctx.account(), ctx.store()
    return dataclasses.replace(
        ctx,
        account=lambda: Counting(account, phase, changes, number),
        store=lambda: Counting(store, phase, changes, number),
    )


class DyingRecords(Through):
    """Dies before the first line, or after a line that says a status."""

    def change(self, key, how):
        if self._phase == "before the line":
            die()
        new = self._inner.change(key, how)
        if new is not None:
            self._told(new)
        return new

    def put(self, key, value):
        self._inner.put(key, value)
        self._told(value)

    def _told(self, line):
        told = msgspec.structs.asdict(line)
        settled = told.get("settled")
        if self._phase == "settled" and settled:
            die()
        if self._phase == "available" and told["status"] == "available" and not settled:
            die()
        if self._phase == "finished" and told["status"] == "available":
            die()


class DyingStore(Through):
    def records(self, kind, account):
        return DyingRecords(self._inner.records(kind, account), self._phase)


class DyingImages(Through):
    def copy(self, order):
        return self._begin(self._inner.copy, order)

    def create(self, order):
        return self._begin(self._inner.create, order)

    def _begin(self, call, order):
        if self._phase in {"before the call", "standing still"}:
            die()
        ident = call(order)
        if self._phase == "after the call":
            die()
        return ident

    def progress(self, image):
        if self._phase == "pending":
            die()
        return self._inner.progress(image)


class DyingMachines(Through):
    def stop(self, ident):
        if self._phase == "before the stop":
            die()
        self._inner.stop(ident)


class DyingCloud(Through):
    def tag(self, ids, tags):
        self._inner.tag(ids, tags)
        if self._phase == "tagged":
            die()


class DyingAccount(Through):
    def images(self, region=""):
        return DyingImages(self._inner.images(region), self._phase)

    def cloud(self, region=""):
        return DyingCloud(self._inner.cloud(region), self._phase)

    def machines(self, region=""):
        return DyingMachines(self._inner.machines(region), self._phase)


def context(state, box, database, phase):
    """Return a context that dies at a phase; the empty phase never comes."""
    ctx = sandbox_context(
        Sandbox(Path(box), Path(box) / "cache", machines=False), Path(state), store=Database(database)
    )
    account, store = DyingAccount(ctx.account(), phase), DyingStore(ctx.store(), phase)
    return dataclasses.replace(ctx, account=lambda: account, store=lambda: store)


def main(state, box, database, phase, work, *words):
    """Do some work, and die."""
    ctx = context(state, box, database, phase)
    if work == "copy":
        go(ctx, *words)
    else:
        create_ami(ctx, CreateRequest(template="studio", instance="mine", name=words[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
