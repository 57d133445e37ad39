"""The sandbox as one object: start it, ask it, stop it, forget it."""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import ToolError
from cws_build.model.events import Notice, StepFinished, StepStarted
from cws_build.sandbox import process
from cws_build.sandbox.client import ask
from cws_build.sandbox.identity import identity
from cws_build.sandbox.records import (
    Arrival,
    Clock,
    Endpoint,
    Fault,
    OptIn,
    Placed,
    Status,
    Stranger,
    Subscription,
)
from cws_build.sandbox.requirements import missing_api, missing_machines, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cws_build.ports import Emit


class Sandbox:
    """A cloud in a box.

    Args:
        state: Folder of its state; two sandboxes with two folders run side by side.
        cache: Folder of what all sandboxes of a user share: the base machine.
        machines: False leaves out the machines: the API answers, and instances run nothing.
    """

    def __init__(self, state: Path, cache: Path, *, machines: bool = True) -> None:
        self.state = state.absolute()
        self.cache = cache.absolute()
        self.machines = machines

    def up(self, emit: Emit) -> Endpoint:
        """Start the sandbox unless it runs, and return where it listens.

        Raises:
            ToolMissing: Something it needs is not there; says what, and what installs it.
            ToolError: It did not start; holds the end of its log.
        """
        with self._locked():
            arrival = process.alive(self.state)
            if arrival is not None:
                if self.machines and not arrival.machines_real:
                    emit(
                        Notice(
                            message="the sandbox runs without machines; instances boot nothing",
                            level="warning",
                            hint="cws-build sandbox down && cws-build sandbox up",
                        )
                    )
                return Endpoint(url=arrival.url)
            refuse(missing_api() + (missing_machines() if self.machines else []))
            process.stop(self.state)  # one that runs but does not answer, or answers as another version would
            return self._start(emit)

    ensure = up
    """The same by its other name: start it when needed, and two processes at once start one."""

    def _start(self, emit: Emit) -> Endpoint:
        name, began = identity(self.state), time.monotonic()
        bases: dict[str, str] = {}
        if self.machines:
            from cws_build.sandbox.base import ensure_base
            from cws_build.sandbox.podman import Podman

            bases = ensure_base(Podman(self.state / "containers.conf"), self.cache, emit)
        emit(StepStarted(title="starting the sandbox"))
        arrival = process.start(self.state, name, bases)
        outcome = arrival.url if self.machines else f"{arrival.url}, without machines"
        seconds = time.monotonic() - began
        emit(StepFinished(title="starting the sandbox", outcome=outcome, seconds=seconds))
        return Endpoint(url=arrival.url)

    def status(self) -> Status | None:
        """Describe the sandbox; None when there has never been one in this state folder."""
        if not (self.state / "id").exists():
            return None
        arrival = process.alive(self.state)
        if arrival is None:
            return Status(running=False, id=identity(self.state), log=str(self.state / "server.log"))
        return ask(arrival.url, "GET", "/sandbox/status", reads=Status)

    def down(self, emit: Emit) -> None:
        """Stop server and machines. Images, snapshots, tags and SSM parameters stay; machines are gone."""
        if not self.state.exists():
            emit(Notice(message="the sandbox is not running"))
            return
        with self._locked():
            status = self.status()
            running = [m for m in status.machines if m.state != "terminated"] if status else []
            if process.stop(self.state):
                emit(Notice(message=f"the sandbox is stopped; {len(running)} machines are gone, images stay"))
            else:
                emit(Notice(message="the sandbox is not running"))
            self._clear_machines()

    def _clear_machines(self) -> None:
        """Remove containers that a crashed server left."""
        if not (self.state / "id").exists() or shutil.which("podman") is None or missing_machines():
            return
        from cws_build.sandbox.machines import PodmanMachines
        from cws_build.sandbox.podman import Podman
        from cws_build.sandbox.world import repository

        name = identity(self.state)
        podman = Podman(self.state / "containers.conf")
        PodmanMachines(podman, name, "", self.state / "machines", repository(name)).clear()

    def reset(self, emit: Emit) -> None:
        """Stop the sandbox and forget everything in it; only the cached base machine stays."""
        if not self.state.exists():
            emit(Notice(message="there is no sandbox"))
            return
        self.down(lambda _: None)
        with self._locked():
            self._clear_images()
            for path in self.state.iterdir():
                if path.name == "lock":
                    continue
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        emit(Notice(message="the sandbox is empty; the cached base machine stays"))

    def _clear_images(self) -> None:
        if not (self.state / "id").exists() or shutil.which("podman") is None or missing_machines():
            return
        from cws_build.sandbox.machines import PodmanMachines
        from cws_build.sandbox.podman import Podman
        from cws_build.sandbox.world import repository

        name = identity(self.state)
        podman = Podman(self.state / "containers.conf")
        machines = PodmanMachines(podman, name, "", self.state / "machines", repository(name))
        for reference in machines.references():
            machines.forget(reference)

    def add_fault(self, fault: Fault) -> Fault:
        """Let something go wrong from now on; returns the fault with its id.

        Raises:
            ToolError: The sandbox is not running.
        """
        return ask(self._url(), "POST", "/sandbox/faults", msgspec.json.encode(fault), reads=Fault)

    def faults(self) -> list[Fault]:
        """Return the faults in force with how often each has struck.

        Raises:
            ToolError: The sandbox is not running.
        """
        return ask(self._url(), "GET", "/sandbox/faults", reads=list[Fault])

    def clear_faults(self) -> None:
        """Put all faults out of force.

        Raises:
            ToolError: The sandbox is not running.
        """
        ask(self._url(), "DELETE", "/sandbox/faults", reads=list[Fault])

    def add_image(self, stranger: Stranger) -> Placed:
        """Put an image of another account into a region, until the sandbox is stopped.

        Raises:
            InputError: What it names is not there.
            ToolError: The sandbox is not running.
        """
        return ask(self._url(), "POST", "/sandbox/images", msgspec.json.encode(stranger), reads=Placed)

    def remove_image(self, placed: Placed) -> None:
        """Let the other account deregister its image.

        Raises:
            InputError: It is not there.
            ToolError: The sandbox is not running.
        """
        ask(self._url(), "DELETE", f"/sandbox/images/{placed.region}/{placed.image_id}", reads=list[str])

    def subscribe(self, subscription: Subscription) -> None:
        """Subscribe to a product of AWS Marketplace, or end the subscription.

        Raises:
            ToolError: The sandbox is not running.
        """
        ask(self._url(), "POST", "/sandbox/subscriptions", msgspec.json.encode(subscription), reads=Subscription)

    def opt_in(self, choice: OptIn) -> None:
        """Enable a region that must be opted in to, or disable it.

        Raises:
            InputError: There is no such region.
            ToolError: The sandbox is not running.
        """
        ask(self._url(), "POST", "/sandbox/regions", msgspec.json.encode(choice), reads=OptIn)

    def advance(self, seconds: float) -> None:
        """Put the sandbox's clock forward: cooldowns end, images get older, the recycle bin is emptied.

        Raises:
            InputError: The clock would go back.
            ToolError: The sandbox is not running.
        """
        ask(self._url(), "POST", "/sandbox/clock", msgspec.json.encode(Clock(ahead=seconds)), reads=Clock)

    def _url(self) -> str:
        arrival: Arrival | None = process.alive(self.state)
        if arrival is None:
            raise ToolError("the sandbox is not running", hint="cws-build sandbox up")
        return arrival.url

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time start or stop this sandbox."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
