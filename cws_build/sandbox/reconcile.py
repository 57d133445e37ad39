"""Bring machines in line with what the API says, a step at a time, in worker threads.

Level-triggered: each round looks at the states and starts whatever step is due; a finished step starts the next
round. Running it twice does nothing twice, and nothing depends on which call asked.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cws_build.errors import CwsError
from cws_build.sandbox.ec2.backend import SandboxBackend
from cws_build.sandbox.ec2.machine import Machine, set_state
from cws_build.sandbox.imaging import Imaging
from cws_build.sandbox.pace import Paced
from cws_build.sandbox.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cws_build.sandbox.ec2.images import Image
    from cws_build.sandbox.machines import Machines
    from cws_build.sandbox.world import World

log = logging.getLogger("sandbox")
REBOOTED = 129
"""How an init ends that asked for a reboot: SIGHUP from the kernel to the pid namespace (reboot(2))."""
REMEMBERED = 3600.0
"""Seconds for which a terminated instance is still shown, as on EC2."""


class Reconciler:
    """Does the slow work behind the API.

    Args:
        world: The server's shared state.
        machines: Where the work is done.
        save: Called after each change, to write the state down.
    """

    def __init__(self, world: World, machines: Machines, save: Callable[[], None]) -> None:
        self.world = world
        self.machines = machines
        self.save = save
        self.pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="sandbox")
        """Enough that no boot waits for others' shutdowns and commits: those who launch wait for some 40 s only."""
        self.imaging = Imaging(world, machines, self.pool, self.round, self._later)
        self.watcher = Watcher(self._ended)
        self.timers: list[threading.Timer] = []
        self.closed = False
        self._saved = Paced(self.save, self._locked_at)
        self._swept = Paced(lambda: self.imaging.sweep(self.backends()), self._locked_at)

    def backends(self) -> Iterator[SandboxBackend]:
        """Visit every region that was used."""
        from moto.ec2.models import ec2_backends

        for account in list(ec2_backends.values()):
            for backend in list(dict.values(account)):
                if isinstance(backend, SandboxBackend):
                    yield backend

    def round(self) -> None:
        """Start every step that is due, and save."""
        with self.world.lock:
            if self.closed:
                return
            for backend in self.backends():
                self.imaging.begin_copies(backend)
                for machine in list(backend.machines.values()):
                    if not machine.busy:
                        self._step(backend, machine)
            self._swept()
            self._saved()

    def close(self) -> None:
        """Let the steps under way end; begin no other."""
        with self.world.lock:
            self.closed = True
            for timer in self.timers:
                timer.cancel()
        self.watcher.close()
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self, machine: Machine, work: Callable[[], None], done: Callable[[], None]) -> None:
        machine.busy = True

        def job() -> None:
            problem = ""
            try:
                work()
            except Exception as error:  # the worker's edge: whatever it was, the machine is lost and the log says why
                problem = error.message if isinstance(error, CwsError) else repr(error)
                log.exception("%s: %s", machine.id, machine.state)
            with self.world.lock:
                machine.busy = False
                if problem and machine.state != "shutting-down":
                    self._lost(machine, problem)
                else:
                    done()
                self._watch(machine)
            self.round()

        self.pool.submit(job)

    def _step(self, backend: SandboxBackend, machine: Machine) -> None:
        image = self.imaging.wanted(backend, machine)
        if image is not None and machine.state != "terminated":
            self._commit(backend, machine, image)
        elif machine.state == "pending":
            self._start(machine)
        elif machine.state == "stopping":
            self._begin(machine, lambda: self.machines.stop(machine), lambda: self._after(machine, "stopped"))
        elif machine.state == "shutting-down":
            self._begin(machine, lambda: self.machines.remove(machine), lambda: self._gone(backend, machine))
        elif machine.reboot:
            machine.reboot = False
            self._begin(machine, lambda: self._restart(machine), lambda: None)
        elif machine.state == "terminated" and time.time() - machine.ended > REMEMBERED:
            self._forget(backend, machine)

    def _start(self, machine: Machine) -> None:
        if machine.fails or machine.sealed:
            if machine.sealed:
                self._lost(machine, "Client error on launch", "Client.InternalError")
            else:
                self._lost(machine, machine.fails)
            self.pool.submit(self.round)
            return
        self._begin(machine, lambda: self._boot(machine), lambda: self._runs(machine))

    def _boot(self, machine: Machine) -> None:
        machine.booted = self.machines.start(machine)

    def _watch(self, machine: Machine) -> None:
        """Watch a machine that was booted: only now, because whoever works at it is told of no end."""
        pid, machine.booted = machine.booted, 0
        if pid:
            self.watcher.watch(pid, machine)

    def _runs(self, machine: Machine) -> None:
        self._after(machine, "running", only="pending")
        for how, seconds in machine.fault_kills:
            self.kill(machine, how, seconds)
        machine.fault_kills.clear()

    def _restart(self, machine: Machine) -> None:
        self.machines.stop(machine)
        self._boot(machine)

    def _after(self, machine: Machine, state: str, only: str = "stopping") -> None:
        """Move on, unless another call has changed the goal meanwhile."""
        if machine.state == only:
            set_state(machine.instance, state)
            machine.show_public(shown=state != "stopped")

    def _gone(self, backend: SandboxBackend, machine: Machine) -> None:
        set_state(machine.instance, "terminated")
        machine.ended = time.time()
        for nic in machine.instance.nics.values():
            backend.enis.pop(nic.id, None)
            nic.subnet.del_subnet_ip(nic.private_ip_address)
        self.imaging.abandon(backend, machine)

    def _forget(self, backend: SandboxBackend, machine: Machine) -> None:
        del backend.machines[machine.id]
        backend.tags.pop(machine.id, None)
        for reservation in list(backend.reservations.values()):
            reservation.instances = [i for i in reservation.instances if i.id != machine.id]
            if not reservation.instances:
                del backend.reservations[reservation.id]

    def _lost(self, machine: Machine, reason: str, code: str = "Server.InternalError") -> None:
        """End an instance whose machine failed, as EC2 ends one that could not be launched."""
        if machine.state != "terminated":
            machine.instance.teardown_defaults()
            set_state(machine.instance, "shutting-down", f"{code}: {reason}", code)

    def kill(self, machine: Machine, how: str, seconds: float) -> None:
        """End a machine from outside, as a failing host would; ``how`` is ``stopped`` or ``terminated``."""

        def strike() -> None:
            with self.world.lock:
                if machine.state in {"pending", "running"} and how == "stopped":
                    set_state(
                        machine.instance, "stopping", "Server.InternalError: the host failed", "Server.InternalError"
                    )
                elif machine.state in {"pending", "running", "stopping", "stopped"}:
                    self._lost(machine, "the host failed")
            self.round()

        self._at(seconds, strike)

    def _at(self, seconds: float, work: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, work)
        timer.daemon = True
        self.timers = [known for known in self.timers if known.is_alive()] + [timer]
        timer.start()

    def _locked_at(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something when its time has come, unless the server ends before."""

        def do() -> None:
            with self.world.lock:
                if not self.closed:
                    work()

        self._at(seconds, do)

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do a slow step now, or when its time has come."""
        if seconds:
            self._at(seconds, lambda: self._submit(work))
        else:
            self._submit(work)

    def _submit(self, work: Callable[[], None]) -> None:
        with self.world.lock:
            if not self.closed:
                self.pool.submit(work)

    def _ended(self, machine: Machine) -> None:
        """Notice that a machine's init ended: a shutdown or a reboot from inside, unless the API asked for it."""
        codes: list[int] = []

        def work() -> None:
            codes.append(self.machines.exit_code(machine))
            if codes == [REBOOTED]:
                self._boot(machine)

        def done() -> None:
            if codes != [REBOOTED] and machine.state == "running":
                self._shut_down(machine)

        with self.world.lock:
            if not (self.closed or machine.busy or machine.state != "running"):
                self._begin(machine, work, done)

    def _shut_down(self, machine: Machine) -> None:
        """Show what a shutdown from inside means for the instance."""
        ends = machine.instance.instance_initiated_shutdown_behavior == "terminate"
        if ends:
            machine.instance.teardown_defaults()
        reason = "Client.InstanceInitiatedShutdown: Instance initiated shutdown"
        state = "shutting-down" if ends else "stopping"
        set_state(machine.instance, state, reason, "Client.InstanceInitiatedShutdown")

    def _commit(self, backend: SandboxBackend, machine: Machine, image: Image) -> None:
        self.imaging.busy.add(image.id)
        running = machine.state == "running"
        problems = [image.record.reason] if image.record.reason else []
        reference = backend.rootfs(image.root_snapshot)

        written: list[int] = []

        def work() -> None:
            if problems:
                return
            try:
                self._take(machine, reference, stop=running and image.record.reboot)
                written.append(self.imaging.written(reference))
            except CwsError as error:
                log.exception("%s", image.id)
                problems.append(error.message)

        self._begin(machine, work, lambda: self.imaging.finish(backend, image, "".join(problems[:1]), sum(written)))

    def _take(self, machine: Machine, reference: str, *, stop: bool) -> None:
        if stop:
            self.machines.stop(machine)
        try:
            self.machines.commit(machine, reference, pause=machine.state == "running" and not stop)
        finally:
            if stop and machine.state == "running":
                self._boot(machine)
