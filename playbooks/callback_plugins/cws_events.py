"""Ansible callback plugin: what the playbook does, as JSON lines in the file that ``$CWS_EVENTS`` names.

Plain Ansible (ansible-core 2.14 and later), lying beside the playbook, where Ansible loads it by itself. The
lines have the schema of cws-build's events; without the variable the plugin does nothing. Where ``$CWS_GATE``
names a pipe, the first play begins when a line can be read from it: the machine is there from then on. A layer is an
``include_role`` task named ``layer <index>/<total> <name>``; every task that it includes belongs to it.
"""

from __future__ import annotations

import gc
import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible.executor.task_result import CallbackTaskResult
    from ansible.playbook import Playbook
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

DOCUMENTATION = """
name: cws_events
type: notification
short_description: Writes layers and tasks as JSON lines
description:
  - Appends one JSON object per event to the file named by the environment variable E(CWS_EVENTS).
  - Does nothing when the variable is not set, and never changes what Ansible prints.
  - Begins the first play when a line can be read from the pipe that the environment variable E(CWS_GATE) names, if any.
"""

_LAYER = re.compile(r"^layer (\d+)/(\d+) (\S+)$", re.IGNORECASE)
_META = ("meta", "ansible.builtin.meta", "ansible.legacy.meta")
_TAIL = 20  # lines
_LONGEST = 4000  # characters of a message; a module may return megabytes
_LONGEST_ITEM = 80
_OBJECTS = 100_000
"""So many new objects let Python look for garbage, instead of its 700. Each task is a forked process, which pays for
looking twice: what it looks through is copied for it."""
_HIDDEN = "hidden: the task is marked no_log"


class _Layer:
    def __init__(self, match: re.Match[str]) -> None:
        self.index, self.total, self.name = int(match[1]), int(match[2]), match[3]
        self.started = time.monotonic()
        self.failed = False
        self.told = False

    def fields(self) -> dict[str, Any]:
        return {"layer": self.name, "index": self.index, "total": self.total}


class _Started:
    """A task since it was announced; its name is templated only then."""

    def __init__(self, layer: str, task: str, path: str) -> None:
        self.fields = {"layer": layer, "task": task, "path": path}
        self.at = time.monotonic()
        self.item: tuple[str, str] | None = None
        """The message and output of the first failed item of its loop."""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible ships no types
    """Follows the play; every ``v2_`` method is called by Ansible, in the playbook's own process."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "cws_events"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Ansible's own signature
        super().__init__(*args, **kwargs)
        self._file = os.environ.get("CWS_EVENTS", "")
        self.disabled = not self._file
        self._gate = os.environ.get("CWS_GATE", "")
        self._folder = Path.cwd()
        self._layer: _Layer | None = None
        self._tasks: dict[str, _Started] = {}

    # -- what Ansible calls

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Learn the folder that paths are relative to; keep the collector away from what stays until the end."""
        gc.set_threshold(_OBJECTS)
        gc.freeze()
        self._folder = Path(playbook._basedir).resolve()  # noqa: SLF001  # there is no public name for it

    def v2_playbook_on_play_start(self, play: Play) -> None:  # noqa: ARG002  # Ansible's own signature
        """Wait until the machine may be asked."""
        gate, self._gate = self._gate, ""
        if gate:
            with Path(gate).open("rb") as file:
                file.readline()

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:  # noqa: ARG002  # Ansible's own signature
        """Tell of a task, and of the layer that begins or ends with it."""
        match = _LAYER.match(task.name or "")
        if match:
            self._end_layer()
            self._layer = _Layer(match)
            self._remember(task)
            return
        if not any(_LAYER.match(parent.name or "") for parent in _ancestors(task)):
            self._end_layer()
        # Ansible reports no end of such as flush_handlers.
        if task.action not in _META:
            self._start_task(task)

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        """Tell of a handler; it belongs to the layer that is open while it runs."""
        self._start_task(task)

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Tell that a task ended well."""
        # What announces a layer has only begun it: the layer's own events tell of it.
        if not _LAYER.match(_task(result).name or ""):
            self._end_task(_task(result), "changed" if _values(result).get("changed") else "ok")

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """Tell that a task's condition did not hold."""
        self._end_task(_task(result), "skipped")

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Tell that a task failed, why, and whether the play goes on."""
        self._fail(result, "failed", ignored=ignore_errors)

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        """Keep the first failed item of a loop; from 2.21 on, the task's own result does not tell which failed."""
        if not _hidden(result):
            message, output = _explain(_values(result))
            known = self._known(_task(result))
            known.item = known.item or (f"item {_item(_values(result))}: {message}", output)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Tell that the machine could not be reached."""
        self._fail(result, "unreachable", ignored=bool(_task(result).ignore_unreachable))

    def v2_playbook_on_stats(self, stats: object) -> None:  # noqa: ARG002  # Ansible's own signature
        """End the last layer."""
        self._end_layer()

    # -- what we make of it

    def _start_task(self, task: Task) -> None:
        # Only now is it known that the layer's condition held.
        if self._layer and not self._layer.told:
            self._layer.told = True
            self._write("layer_started", **self._layer.fields())
        self._write("task_started", **self._remember(task).fields)

    def _remember(self, task: Task) -> _Started:
        layer = self._layer.name if self._layer else ""
        started = _Started(layer, str(task.name or task.action), self._place(task))
        self._tasks[task._uuid] = started  # noqa: SLF001  # a task's only identity
        return started

    def _known(self, task: Task) -> _Started:
        return self._tasks.get(task._uuid) or self._remember(task)  # noqa: SLF001  # a task's only identity

    def _end_task(self, task: Task, status: str, **more: Any) -> None:  # noqa: ANN401  # JSON values
        known = self._known(task)
        seconds = round(time.monotonic() - known.at, 3)
        self._write("task_finished", **known.fields, status=status, seconds=seconds, **more)

    def _fail(self, result: CallbackTaskResult, status: str, *, ignored: bool) -> None:
        ignored = ignored or _rescued(_task(result))
        if self._layer and not ignored:
            self._layer.failed = True
        message, output = _HIDDEN, ""
        if not _hidden(result):
            message, output = self._known(_task(result)).item or _explain(_values(result))
        self._end_task(_task(result), status, message=message, output=output, ignored=ignored)

    def _end_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer and layer.told and not layer.failed:
            seconds = round(time.monotonic() - layer.started, 3)
            self._write("layer_finished", **layer.fields(), seconds=seconds)

    def _place(self, task: Task) -> str:
        place = Path(str(task.get_path() or ""))
        return str(place.relative_to(self._folder)) if place.is_relative_to(self._folder) else str(place)

    def _write(self, event: str, **fields: Any) -> None:  # noqa: ANN401  # JSON values
        line = json.dumps({"event": event, "at": round(time.time(), 3), **fields}) + "\n"
        try:
            with Path(self._file).open("ab", buffering=0) as file:
                file.write(line.encode())
        except OSError as error:
            # The play is worth more than its report.
            self._display.warning(f"cws_events cannot write {self._file}: {error.strerror}")
            self.disabled = True


def _task(result: CallbackTaskResult) -> Any:  # noqa: ANN401  # Ansible ships no types
    # Before 2.19 the names had an underscore.
    return result.task if hasattr(result, "task") else result._task  # noqa: SLF001  # as said


def _values(result: CallbackTaskResult) -> dict[str, Any]:
    values: dict[str, Any] = result.result if hasattr(result, "result") else result._result  # noqa: SLF001  # as above
    return values


def _hidden(result: CallbackTaskResult) -> bool:
    return bool(_task(result).no_log) or "censored" in _values(result)


def _ancestors(task: Task) -> Iterator[Any]:
    parent = task._parent  # noqa: SLF001  # there is no public name for it
    while parent is not None:
        yield parent
        parent = parent._parent  # noqa: SLF001  # there is no public name for it


def _rescued(task: Task) -> bool:
    """Tell whether a block inside the same layer takes the failure up. One around all layers does not count."""
    child: Any = task
    for parent in _ancestors(task):
        if _LAYER.match(parent.name or ""):
            return False
        if getattr(parent, "rescue", None):
            aside = [*parent.rescue, *parent.always]
            if all(child._uuid != other._uuid for other in aside):  # noqa: SLF001  # its only identity
                return True
        child = parent
    return False


def _explain(result: dict[str, Any]) -> tuple[str, str]:
    """Return the message of a failed task or item, and the last lines it printed."""
    output = _tail(*(result.get(name) for name in ("stdout", "module_stdout", "stderr", "module_stderr")))
    message = str(result.get("msg") or result.get("reason") or "").strip()
    if "rc" in result and (not message or "non-zero return code" in message):
        last = output.rpartition("\n")[2].strip()
        message = f"{last or 'it printed nothing'} (return code {result['rc']})"
    return (message or output or "the module gave no reason")[:_LONGEST], output


def _item(item: dict[str, Any]) -> str:
    label = item.get("_ansible_item_label", item.get(item.get("ansible_loop_var", "item")))
    if isinstance(label, dict):
        label = label.get("name", label)
    return str(label)[:_LONGEST_ITEM]


def _tail(*streams: object) -> str:
    lines = [line for stream in streams if stream for line in str(stream).strip().splitlines()]
    return "\n".join(line[:_LONGEST] for line in lines[-_TAIL:])
