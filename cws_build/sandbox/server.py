"""The server process: ``python -m cws_build.sandbox.server --state DIR --id ID [--base LOGIN=IMAGE ...]``.

Started by :class:`cws_build.sandbox.control.Sandbox`; runs until SIGTERM.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.errors import CwsError
from cws_build.sandbox.address import claim
from cws_build.sandbox.companion import watch
from cws_build.sandbox.ownership import own
from cws_build.sandbox.podman import LABEL, Podman
from cws_build.sandbox.process import written
from cws_build.sandbox.records import Arrival
from cws_build.sandbox.store import Store, write_atomically

if TYPE_CHECKING:
    import ipaddress
    import socket
    from collections.abc import Sequence

    from cws_build.sandbox.machines import Machines
    from cws_build.sandbox.reconcile import Reconciler
    from cws_build.sandbox.world import World

log = logging.getLogger("sandbox")
_PATIENCE = 45.0
"""Seconds until an earlier server of the same folder must be gone; the one who started this one waits longer."""
SETTINGS = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Read by moto when it is imported."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the server until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m cws_build.sandbox.server")
    parser.add_argument("--state", type=Path, required=True, help="folder of this sandbox's state")
    parser.add_argument("--id", required=True, help="id of this sandbox")
    parser.add_argument(
        "--base",
        action="append",
        default=[],
        metavar="LOGIN=IMAGE",
        help="a base machine in podman; without any, the API is answered and instances run nothing",
    )
    parser.add_argument("--with-process", type=int, default=0, metavar="PID", help="end when that process has ended")
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    os.environ.update(SETTINGS)
    try:
        bases = dict(word.split("=", 1) for word in arguments.base)
        serve(arguments.state, arguments.id, bases, arguments.with_process)
    except CwsError as error:
        log.error("%s", error.message)  # noqa: TRY400 - the one who reads it needs the sentence, not the way here
        return error.exit_code
    return 0


def serve(state: Path, sandbox: str, bases: dict[str, str], companion: int = 0) -> None:
    """Listen, write ``server.json``, and answer until SIGTERM or the companion's end; then remove the machines.

    Raises:
        ToolError: Another server has the state folder.
    """
    from werkzeug.serving import make_server

    own(state, _PATIENCE)
    podman = Podman(state / "containers.conf") if bases else None
    block, listener = claim(sandbox, _others(podman, sandbox))
    address, port = listener.getsockname()
    url = f"http://{address}:{port}"
    world, reconciler = _assemble(state, sandbox, block, bases, podman)
    application = _application(reconciler, url, str(state / "server.log"))
    server = make_server(address, port, application, threaded=True, request_handler=_handler(), fd=_detach(listener))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    alone = threading.Event()

    def desert() -> None:
        alone.set()
        server.shutdown()

    if companion:
        watch(companion, desert)
    arrival = Arrival(id=sandbox, pid=os.getpid(), url=url, started=time.time(), machines_real=reconciler.machines.real)
    write_atomically(state / "server.json", msgspec.json.encode(arrival))
    log.info("sandbox %s listens on %s, machines in %s", sandbox, url, world.block)
    server.serve_forever(poll_interval=0.1)
    reconciler.close()
    with world.lock:
        reconciler.save()
        reconciler.machines.clear()
        if alone.is_set():
            _forget_images(reconciler.machines)
    _withdraw(state)
    log.info("stopped")


def _forget_images(machines: Machines) -> None:
    """Drop all file systems: nobody is left who could use them, or could ask for a reset."""
    for reference in machines.references():
        machines.forget(reference)


def _withdraw(state: Path) -> None:
    """Remove ``server.json``, unless a newer server has written its own."""
    arrival = written(state)
    if arrival is not None and arrival.pid == os.getpid():
        (state / "server.json").unlink(missing_ok=True)


def _detach(listener: socket.socket) -> int:
    return listener.detach()


def _others(podman: Podman | None, sandbox: str) -> set[str]:
    """Return the address blocks on which other sandboxes have machines."""
    if podman is None:
        return set()
    shape = f'{{{{index .Labels "{LABEL}"}}}} {{{{index .Labels "{LABEL}.block"}}}}'
    lines = podman.lines("ps", "-a", "--filter", f"label={LABEL}", "--format", shape)
    pairs = [line.split() for line in lines]
    return {pair[1] for pair in pairs if len(pair) == 2 and pair[0] != sandbox}  # noqa: PLR2004 - id and block


def _assemble(
    state: Path, sandbox: str, block: ipaddress.IPv4Network, bases: dict[str, str], podman: Podman | None
) -> tuple[World, Reconciler]:
    from moto.ec2 import urls
    from moto.ec2.models import ec2_backends
    from moto.kms import urls as key_urls
    from moto.kms.models import kms_backends
    from moto.servicequotas.models import servicequotas_backends
    from moto.ssm.models import ssm_backends

    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.ec2.calls import SandboxCalls
    from cws_build.sandbox.key_calls import KeyCalls
    from cws_build.sandbox.keys import SandboxKeys
    from cws_build.sandbox.machines import NoMachines, PodmanMachines
    from cws_build.sandbox.parameters import SandboxParameters
    from cws_build.sandbox.quotas import SandboxQuotas
    from cws_build.sandbox.reconcile import Reconciler
    from cws_build.sandbox.saving import records, revive
    from cws_build.sandbox.world import World

    store = Store(state / "cloud.json")
    world = World(sandbox, block, bases, store.load())
    SandboxBackend.world = SandboxParameters.world = SandboxKeys.world = world
    ec2_backends.backend, ssm_backends.backend, kms_backends.backend = SandboxBackend, SandboxParameters, SandboxKeys
    servicequotas_backends.backend = SandboxQuotas
    urls.url_paths, key_urls.url_paths = {"{0}/": SandboxCalls.dispatch}, {"{0}/$": KeyCalls.dispatch}
    machines: Machines = NoMachines()
    if podman is not None:
        machines = PodmanMachines(podman, sandbox, str(block), state / "machines", world.repository())
        machines.clear()
    reconciler = Reconciler(world, machines, lambda: store.save(records(reconciler)))
    revive(world.saved)
    reconciler.round()
    return world, reconciler


def _application(reconciler: Reconciler, url: str, logfile: str) -> Any:  # noqa: ANN401 - a WSGI application
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from cws_build.sandbox.faults import Faults
    from cws_build.sandbox.middleware import Middleware
    from cws_build.sandbox.routes import Routes

    faults = Faults()
    moto = DomainDispatcherApplication(create_backend_app)
    return Middleware(moto, reconciler, faults, Routes(reconciler, faults, url, logfile))


def _handler() -> Any:  # noqa: ANN401 - a handler class
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Quiet(MotoRequestHandler):
        """Leaves the log to the middleware."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Write nothing."""

    return Quiet


if __name__ == "__main__":
    raise SystemExit(main())
