"""What stands before moto: faults, one call at a time, and a round of reconciling after each change."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from cws_build.sandbox import request
from cws_build.sandbox.rbin import RecycleBinService
from cws_build.sandbox.world import COPIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.ec2.machine import Machine
    from cws_build.sandbox.faults import Faults, Verdict
    from cws_build.sandbox.reconcile import Reconciler
    from cws_build.sandbox.routes import Routes

log = logging.getLogger("sandbox.api")
SPOILED = {"CreateImage", "CopyImage", "RunInstances", "StartInstances"}
"""The calls that begin something which a fault can let fail later."""
_ACCOUNT = "HTTP_X_MOTO_ACCOUNT_ID"
"""The header by which moto is told the account that a call is for."""


class Middleware:
    """The WSGI application that the server runs.

    Args:
        moto: moto's own application.
        reconciler: Does the slow work.
        faults: What shall go wrong.
        routes: Answers everything under ``/sandbox/``.
    """

    def __init__(
        self, moto: Callable[..., Iterable[bytes]], reconciler: Reconciler, faults: Faults, routes: Routes
    ) -> None:
        self.moto = moto
        self.reconciler = reconciler
        self.faults = faults
        self.routes = routes
        self.besides = {"rbin": RecycleBinService()}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("PATH_INFO", "").startswith("/sandbox/"):
            return self.routes(environ, start_response)
        began = time.monotonic()
        asked = request.read(environ)
        environ[_ACCOUNT] = asked.account
        verdict = self.faults.judge(asked)
        if verdict.delay:
            time.sleep(verdict.delay)
        refusal = self.reconciler.world.regions.refusal(asked.service, asked.region) or verdict.refusal
        if refusal is not None:
            status, headers, body = request.refuse(asked, refusal)
            log.info("%s %s %s: refused with %s", asked.region, asked.service, asked.call, refusal.code)
            start_response(status, headers)
            body_parts = [body]
        else:
            body_parts, status = self._pass_on(asked, verdict, environ, start_response)
        time.sleep(max(0.0, began + verdict.latency - time.monotonic()))
        seconds = time.monotonic() - began
        log.info("%s %s %s: %s in %.3f s", asked.region, asked.service, asked.call, status[:3], seconds)
        return body_parts

    def _pass_on(
        self,
        asked: request.Asked,
        verdict: Verdict,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
    ) -> tuple[list[bytes], str]:
        told: list[str] = []

        def note(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:  # noqa: ANN401 - WSGI's own shape
            told.append(status)
            return start_response(status, headers, *rest)

        if asked.call == "GetConsoleOutput":
            self._read_consoles(asked)
        with self.reconciler.world.lock:
            self.reconciler.world.copies_at_most = verdict.limit or COPIES
            before = self._work(asked) if verdict.spoils else set()
            parts = list(self.besides.get(asked.service, self.moto)(environ, note))
            status = told[-1] if told else "500"
            if verdict.spoils and status.startswith("2"):
                self._spoil(asked, verdict, before)
        if not asked.reads:
            self.reconciler.round()
        return parts, status

    def _regions(self, asked: request.Asked) -> list[SandboxBackend]:
        return [backend for backend in self.reconciler.backends() if backend.region_name == asked.region]

    def _machines(self, asked: request.Asked) -> list[Machine]:
        return [machine for backend in self._regions(asked) for machine in backend.machines.values()]

    def _read_consoles(self, asked: request.Asked) -> None:
        for machine in self._machines(asked):
            if machine.id in asked.instances and machine.state == "running":
                machine.console = self.reconciler.machines.console(machine) or machine.console

    def _work(self, asked: request.Asked) -> set[str]:
        """List what exists already, to know afterwards what the call made."""
        images = {image_id for backend in self._regions(asked) for image_id in backend.amis}
        return images | {machine.id for machine in self._machines(asked)}

    def _spoil(self, asked: request.Asked, verdict: Verdict, before: set[str]) -> None:
        named = set(asked.instances)
        for machine in self._machines(asked):
            made = machine.id not in before
            if made or machine.id in named:
                if verdict.fails and asked.call in {"RunInstances", "StartInstances"}:
                    machine.fails = verdict.fails
                self._doom(machine, verdict)
        for backend in self._regions(asked):
            for image in backend.amis.values():
                if image.id not in before:
                    image.record.reason = verdict.fails or image.record.reason
                    image.lasts = verdict.lasts

    def _doom(self, machine: Machine, verdict: Verdict) -> None:
        if machine.state == "pending":
            machine.fault_kills = list(verdict.kills)
            return
        for how, seconds in verdict.kills:
            self.reconciler.kill(machine, how, seconds)
