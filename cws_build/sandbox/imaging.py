"""The slow part of images: taking file systems, tagging copies, dropping what no snapshot needs any more."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from cws_build.errors import CwsError
from cws_build.sandbox.ec2.sharing import find_snapshot
from cws_build.sandbox.ec2.snapshots import SandboxSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.ec2.images import Image
    from cws_build.sandbox.ec2.machine import Machine
    from cws_build.sandbox.machines import Machines
    from cws_build.sandbox.world import World

log = logging.getLogger("sandbox")
AGAIN = 5.0
"""Seconds after which a file system that could not be dropped is tried again."""


def neighbour(backend: SandboxBackend, region: str) -> SandboxBackend:
    """Return another region of the same account."""
    from moto.ec2.models import ec2_backends

    return ec2_backends[backend.account_id][region]  # type: ignore[return-value]  # the server put ours in place


class Imaging:
    """Works on images in the reconciler's threads.

    Args:
        world: The server's shared state.
        machines: Where file systems are kept.
        pool: Runs the slow steps.
        again: Starts the next round of reconciling.
        later: Runs a step in the pool after so many seconds.
    """

    def __init__(
        self,
        world: World,
        machines: Machines,
        pool: Executor,
        again: Callable[[], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self.later = later
        self.world = world
        self.machines = machines
        self.pool = pool
        self.again = again
        self.busy: set[str] = set()
        """Images that a worker is at."""
        self.kept = set(machines.references())
        """References of file systems that exist, or may."""
        self.going: set[str] = set()

    def wanted(self, backend: SandboxBackend, machine: Machine) -> Image | None:
        """Return the oldest image that waits for a machine's file system."""
        for image in backend.amis.values():
            record = image.record
            if record.state == "pending" and record.source_instance == machine.id and image.id not in self.busy:
                return image
        return None

    def written(self, reference: str) -> int:
        """Measure a file system, which podman takes its time for; 0 where there is none to be measured."""
        try:
            return self.machines.size(reference)
        except CwsError as error:
            log.info("%s has no size: %s", reference, error.message)
            return 0

    def finish(self, backend: SandboxBackend, image: Image, reason: str, written: int = 0) -> None:
        """Make an image available with its snapshots, or failed for a reason; its root holds so many bytes."""
        self.busy.discard(image.id)
        image.record.state = "failed" if reason else "available"
        image.record.reason = reason
        for disk in image.record.disks:
            holds = written if disk.snapshot == image.root_snapshot else 0
            _finish_snapshot(backend, disk.snapshot, reason, holds)

    def abandon(self, backend: SandboxBackend, machine: Machine) -> None:
        """Fail the images that wait for a machine that is gone."""
        image = self.wanted(backend, machine)
        while image is not None:
            self.finish(backend, image, "the instance was terminated")
            image = self.wanted(backend, machine)

    def begin_copies(self, backend: SandboxBackend) -> None:
        """Start the copies that are due, of images and of snapshots."""
        for image in [one for one in backend.amis.values() if one.record.state == "pending"]:
            copying = image.record.source_image and not image.record.source_instance
            if copying and image.id not in self.busy:
                self.busy.add(image.id)
                self._tell_duration(backend, image)
                self.later(image.lasts, partial(self._copy_image, backend, image))
        for snapshot_id, (region, source_id) in list(backend.snapshot_copies.items()):
            del backend.snapshot_copies[snapshot_id]
            self.pool.submit(self._copy_snapshot, backend, snapshot_id, (region, source_id))

    def _tell_duration(self, backend: SandboxBackend, image: Image) -> None:
        for disk in image.record.disks:
            snapshot = backend.snapshots.get(disk.snapshot)
            if isinstance(snapshot, SandboxSnapshot):
                snapshot.lasts = image.lasts

    def _copy_image(self, backend: SandboxBackend, image: Image) -> None:
        reason = image.record.reason
        with self.world.lock:
            there = neighbour(backend, image.record.source_region)
            source = there.find_image(image.record.source_image)
            origin = source.ec2_backend.rootfs(source.root_snapshot) if source else ""
        if not reason:
            reason = self._tag(origin, backend.rootfs(image.root_snapshot)) if source else "the source image is gone"
        written = 0 if reason or not origin else self.written(origin)
        with self.world.lock:
            self.finish(backend, image, reason, written)
        self.again()

    def _copy_snapshot(self, backend: SandboxBackend, target: str, source: tuple[str, str]) -> None:
        with self.world.lock:
            found, made = find_snapshot(neighbour(backend, source[0]), source[1]), backend.snapshots.get(target)
            origin = found.ec2_backend.rootfs(source[1]) if found else ""
            reason = (made.state_message or "") if isinstance(made, SandboxSnapshot) else ""
        reason = reason or (self._tag(origin, backend.rootfs(target)) if found else "the source snapshot is gone")
        written = 0 if reason or not origin else self.written(origin)
        with self.world.lock:
            _finish_snapshot(backend, target, reason, written)
        self.again()

    def _tag(self, source: str, target: str) -> str:
        if not source:
            return ""  # an image of a foreign architecture: it can be copied, and holds nothing
        try:
            self.machines.copy(source, target)
        except CwsError as error:
            log.exception("%s", target)
            return error.message
        return ""

    def sweep(self, backends: Iterable[SandboxBackend]) -> None:
        """Drop the file systems that no snapshot and no machine needs any more."""
        wanted: set[str] = set()
        for backend in backends:
            wanted.update(backend.rootfs(snapshot) for snapshot in backend.held())
            # A machine needs what it was started from until it is gone, also before it is made.
            wanted.update(one.rootfs for one in backend.machines.values() if one.state != "terminated")
        wanted = {reference for reference in wanted if reference.startswith(self.world.repository())}
        for reference in self.kept - wanted - self.going:
            self.going.add(reference)
            self.pool.submit(self._forget, reference)
        self.kept |= wanted

    def _forget(self, reference: str) -> None:
        try:
            self.machines.forget(reference)
            self.kept.discard(reference)
        except CwsError as error:  # podman was busy, or somebody runs a container of it by hand
            log.info("%s stays for now: %s", reference, error.message)
            self.later(AGAIN, self.again)
        finally:
            self.going.discard(reference)


def _finish_snapshot(backend: SandboxBackend, snapshot_id: str, reason: str, written: int) -> None:
    snapshot = backend.snapshots.get(snapshot_id)
    if isinstance(snapshot, SandboxSnapshot):
        snapshot.finish(reason, written)
