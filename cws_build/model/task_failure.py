"""A task that failed, in one sentence and in the words of the task: for bakes and launches alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.model.failures import explain

if TYPE_CHECKING:
    from cws_build.model.events import TaskFinished


_LOST = "run the same command again; a machine that was ended, or has run out of memory, answers no more"


def sentence(task: TaskFinished, otherwise: str) -> str:
    """Return what failed, where, and what the task said.

    Args:
        task: The task.
        otherwise: What failed if the task belongs to no layer.
    """
    what = f"layer {task.layer}" if task.layer else otherwise
    return f"{what} failed in task '{task.task}' ({task.path}): {task.message.removesuffix(':')}"


def known_hint(task: TaskFinished) -> str:
    """Return what helps when the machine could not be reached; empty where the task itself has failed."""
    if task.status != "unreachable":
        return ""
    known = explain([task.message, *task.output.splitlines()])
    return known.hint if known else _LOST


def details(task: TaskFinished) -> dict[str, Any]:
    """Return the facts for programs."""
    return {"layer": task.layer, "task": task.task, "path": task.path, "output": task.output}
