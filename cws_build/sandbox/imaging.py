"""The slow part of images: taking file systems, tagging copies, dropping what no snapshot needs any more."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cws_build.errors import CwsError
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
    """

    def __init__(self, world: World, machines: Machines, pool: Executor, again: Callable[[], None]) -> None:
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
            waits = image.state == "pending" and image.id not in self.busy
            if waits and image.record.source_instance == machine.id:
                return image
        return None

    def finish(self, backend: SandboxBackend, image: Image, reason: str) -> None:
        """Make an image available with its snapshots, or failed for a reason."""
        self.busy.discard(image.id)
        image.record.state = "failed" if reason else "available"
        image.record.reason = reason
        for disk in image.record.disks:
            _finish_snapshot(backend, disk.snapshot, reason)

    def abandon(self, backend: SandboxBackend, machine: Machine) -> None:
        """Fail the images that wait for a machine that is gone."""
        image = self.wanted(backend, machine)
        while image is not None:
            self.finish(backend, image, "the instance was terminated")
            image = self.wanted(backend, machine)

    def begin_copies(self, backend: SandboxBackend) -> None:
        """Start the copies that are due, of images and of snapshots."""
        for image in list(backend.amis.values()):
            copying = image.state == "pending" and image.record.source_image and not image.record.source_instance
            if copying and image.id not in self.busy:
                self.busy.add(image.id)
                self.pool.submit(self._copy_image, backend, image)
        for snapshot_id, (region, source_id) in list(backend.snapshot_copies.items()):
            del backend.snapshot_copies[snapshot_id]
            self.pool.submit(self._copy_snapshot, backend, snapshot_id, (region, source_id))

    def _copy_image(self, backend: SandboxBackend, image: Image) -> None:
        reason = image.record.reason
        with self.world.lock:
            there = neighbour(backend, image.record.source_region)
            source = there.amis.get(image.record.source_image)
            origin = there.rootfs(source.root_snapshot) if source else ""
        if not reason:
            reason = self._tag(origin, backend.rootfs(image.root_snapshot)) if source else "the source image is gone"
        with self.world.lock:
            self.finish(backend, image, reason)
        self.again()

    def _copy_snapshot(self, backend: SandboxBackend, target: str, source: tuple[str, str]) -> None:
        origin = neighbour(backend, source[0]).rootfs(source[1])
        reason = self._tag(origin, backend.rootfs(target))
        with self.world.lock:
            _finish_snapshot(backend, target, reason)
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
        """Drop the file systems whose snapshots are gone; those still in use are tried again in later rounds."""
        wanted = {backend.rootfs(snapshot) for backend in backends for snapshot in list(backend.snapshots)}
        wanted = {reference for reference in wanted if reference.startswith(self.world.repository())}
        for reference in self.kept - wanted - self.going:
            self.going.add(reference)
            self.pool.submit(self._forget, reference)
        self.kept |= wanted

    def _forget(self, reference: str) -> None:
        try:
            self.machines.forget(reference)
            self.kept.discard(reference)
        except CwsError as error:
            log.info("%s stays for now: %s", reference, error.message)
        finally:
            self.going.discard(reference)


def _finish_snapshot(backend: SandboxBackend, snapshot_id: str, reason: str) -> None:
    snapshot = backend.snapshots.get(snapshot_id)
    if isinstance(snapshot, SandboxSnapshot):
        snapshot.status = "error" if reason else "completed"
        snapshot.state_message = reason or None
