"""What a bake learns from the events of its build, as they pass by."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cws_build.errors import CloudError
from cws_build.model.events import LayerFinished, Notice, ResourceSeen, TaskFinished

if TYPE_CHECKING:
    from cws_build.model.events import Event
    from cws_build.ports import Cloud, Emit, Run


class Watch:
    """An `Emit` that passes events on, and keeps what the bake needs: times, the failure, what exists.

    Args:
        emit: Where events go on to.
        run: Whose journal learns of resources.
        cloud: For closing the old metadata protocol on builders, where Packer cannot.
        demand_imdsv2: Whether to do so.
    """

    def __init__(self, emit: Emit, run: Run, cloud: Cloud, *, demand_imdsv2: bool) -> None:
        self._emit = emit
        self._run = run
        self._cloud = cloud
        self._demand_imdsv2 = demand_imdsv2
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}
        """Layer name -> seconds."""
        self.failure: TaskFinished | None = None
        """The task that failed first and was not meant to."""
        self.resources: dict[str, str] = {}
        """Kind -> id of what was seen last."""

    def __call__(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            if isinstance(event, LayerFinished):
                self.seconds[event.layer] = event.seconds
            elif isinstance(event, TaskFinished):
                self._task(event)
            elif isinstance(event, ResourceSeen):
                self._resource(event)
        self._emit(event)

    def _task(self, event: TaskFinished) -> None:
        failed = event.status in {"failed", "unreachable"} and not event.ignored
        if failed and self.failure is None:
            self.failure = event

    def _resource(self, event: ResourceSeen) -> None:
        if self.resources.get(event.kind) == event.id:
            return
        self.resources[event.kind] = event.id
        self._run.made(event.kind, event.id)
        if event.kind == "instance" and self._demand_imdsv2:
            self._close_metadata(event)

    def _close_metadata(self, event: ResourceSeen) -> None:
        try:
            self._cloud.demand_imdsv2(event.id)
        except CloudError as error:
            message = f"{event.id} still accepts the old metadata protocol: {error.message}"
            self._emit(Notice(run=event.run, subject=event.subject, message=message, level="warning"))
