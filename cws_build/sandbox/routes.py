"""The sandbox's own HTTP routes: what it is and does, its faults, and what other accounts and AWS would set up."""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.errors import CwsError
from cws_build.sandbox.organization import ORGANIZATION
from cws_build.sandbox.outside import Outside
from cws_build.sandbox.records import Alive, MachineStatus, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cws_build.sandbox.faults import Faults
    from cws_build.sandbox.reconcile import Reconciler


def resident_mb() -> float:
    """Return this process's resident memory in 10^6 bytes."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - proc
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


class Routes:
    """Answers requests under ``/sandbox/`` in JSON.

    Args:
        reconciler: Knows machines and images.
        faults: The faults in force.
        url: Where the API listens.
        log: The server's log file.
    """

    def __init__(self, reconciler: Reconciler, faults: Faults, url: str, log: str) -> None:
        self.reconciler = reconciler
        self.faults = faults
        self.url = url
        self.log = log
        self.started = time.time()
        self.outside = Outside(reconciler, faults)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, answer = "200 OK", b""
        try:
            answer = msgspec.json.encode(self._answer(method, path, body))
        except LookupError:
            status, answer = "404 Not Found", b'{"message": "unknown route"}'
        except (CwsError, msgspec.MsgspecError) as error:
            status, answer = "400 Bad Request", msgspec.json.encode({"message": str(error)})
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    def _answer(self, method: str, path: str, body: bytes) -> object:
        reads = {
            "/sandbox/alive": lambda: Alive(id=self.reconciler.world.sandbox),
            "/sandbox/status": self.status,
            "/sandbox/faults": self.faults.list,
        }
        if method == "GET":
            return reads[path]()
        if (method, path) == ("DELETE", "/sandbox/faults"):
            self.faults.clear()
            return []
        with self.reconciler.world.lock:
            return self.outside.change(method, path, body)

    def status(self) -> Status:
        """Describe the sandbox as it is now."""
        with self.reconciler.world.lock:
            backends = list(self.reconciler.backends())
            machines = [
                MachineStatus(
                    instance_id=machine.id,
                    region=backend.region_name,
                    address=machine.address,
                    state=machine.state,
                    image=str(machine.instance.image_id),
                    name=backend.tags.get(machine.id, {}).get("Name", ""),
                    account=backend.account_id,
                )
                for backend in backends
                for machine in backend.machines.values()
                if machine.state != "terminated"
            ]
            images = sum(len(backend.to_record().images) for backend in backends)
        return Status(
            running=True,
            id=self.reconciler.world.sandbox,
            pid=os.getpid(),
            url=self.url,
            machines_real=self.reconciler.machines.real,
            machines=machines,
            images=images,
            organization=ORGANIZATION,
            faults=self.faults.list(),
            disk_gb=self.reconciler.machines.disk_gb(),
            memory_mb=round(resident_mb(), 1),
            started=self.started,
            log=self.log,
        )
