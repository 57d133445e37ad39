"""The workspace of a launch as user data: a machine that nobody can reach finishes itself at its first boot.

It travels as one Python program with the playbook and the roles of the missing layers in it, compressed as a
whole; cloud-init unpacks and starts it. What does not fit lies in an S3 bucket, and the program fetches it.

Whoever may log in to the machine can read its user data, and with it what the template's variables say: secrets
are better off with the transport over SSH. An object in the bucket stays; a lifecycle rule for its prefix
``cws-build/user-data/`` removes it after a day.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cws_build.actions.start_machine import ended
from cws_build.actions.waiting import Wait
from cws_build.errors import InputError, ProvisionFailed
from cws_build.model import task_failure
from cws_build.model.events import LayerFinished, TaskFinished
from cws_build.model.slimming import slim_python, slim_yaml
from cws_build.render import Finishing, render

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.launching import LaunchPlan
    from cws_build.ports import Run
    from cws_build.ports.machines import MachineState

MOST = 16384
"""Bytes of user data that EC2 takes, before base64."""
_LENT_SECONDS = 3600
_LOOK = 5.0
_MARK = re.compile(r"cws-build-user-data (\{.*\})")
_PLACE = "DATA = {}\n"


def user_data_for(ctx: Context, plan: LaunchPlan) -> bytes:
    """Return user data that runs the plan's missing layers at the machine's first boot; empty where none is missing.

    Raises:
        InputError: It is too large for EC2, and no bucket is named in the settings.
        CloudError: The bucket cannot be written.
    """
    if plan.first_layer > len(plan.recipe.layers):
        return b""
    carried = _carried(ctx, plan)
    whole = _packed(_program(ctx, carried))
    if len(whole) <= MOST:
        return whole
    return _packed(_program(ctx, _lent(ctx, plan, carried, len(whole))))


def await_user_data(ctx: Context, run: Run, machine: MachineState, plan: LaunchPlan) -> dict[str, float]:
    """Wait until the machine has run its missing layers, as its console tells; return their seconds.

    Raises:
        ProvisionFailed: A layer failed, or the console has been silent for too long.
        CloudError: The machine has ended.
        Interrupted: ``ctx.cancel`` was set.
    """
    machines = ctx.account().machines(machine.region)
    minutes = ctx.settings.launch.ready_minutes
    wait, heard = Wait(ctx, minutes=minutes, longest=_LOOK), ""
    while True:
        text = machines.console(machine.id)
        result = _last(text)
        if result.get("status") == "done":
            return _tell(ctx, run, plan, result)
        if result.get("status") == "failed":
            raise _failed(plan, machine, result)
        if text != heard:
            wait, heard = Wait(ctx, minutes=minutes, longest=_LOOK), text
        for now in machines.describe([machine.id]):
            if now.state not in {"pending", "running"}:
                raise ended(now)
        if not wait.pause():
            raise ProvisionFailed(
                f"{machine.id} has not said for {minutes:g} minutes how its user data goes",
                hint="it writes to /var/lib/cws-build/user-data.json and to the journal of cws-user-data",
                details={"instance_id": machine.id, "output": "\n".join(heard.splitlines()[-40:])},
            )


def _program(ctx: Context, carried: dict[str, Any]) -> str:
    program = slim_python(ctx.library.file("playbooks", "user_data.py").read_text(encoding="utf-8"))
    # JSON that Python reads alike: there are only mappings and strings in it.
    literal = json.dumps(carried, ensure_ascii=False, separators=(",", ":"))
    return "#!/usr/bin/python3\n" + program.replace(_PLACE, f"DATA = {literal}\n")


def _carried(ctx: Context, plan: LaunchPlan) -> dict[str, Any]:
    """Return the workspace's files by their path, without what only people or other ways of running it need."""
    files: dict[str, str] = {}
    binary: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="cws-") as name:
        folder = Path(name)
        render(Finishing(recipe=plan.recipe, first_layer=plan.first_layer), ctx.library, folder)
        for path in sorted(path for part in ("project", "env") for path in (folder / part).rglob("*")):
            relative = path.relative_to(folder)
            if path.is_dir() or relative.parts[-2:] == ("meta", "argument_specs.yml") or path.name == "settings":
                continue
            try:
                files[str(relative)] = _slim(relative, path.read_bytes().decode())
            except UnicodeDecodeError:
                binary[str(relative)] = base64.b64encode(path.read_bytes()).decode()
    return {"files": files, "binary": binary}


def _slim(path: Path, text: str) -> str:
    """Return a file with less in it, unless it is one that a role puts on the machine."""
    if path.suffix == ".yml" and "files" not in path.parts and "templates" not in path.parts:
        return slim_yaml(text)
    return slim_python(text) if path.parent.name == "callback_plugins" else text


def _lent(ctx: Context, plan: LaunchPlan, carried: dict[str, Any], size: int) -> dict[str, Any]:
    """Put the files into the bucket of the settings; return where they are."""
    bucket = ctx.settings.launch.user_data_bucket
    if not bucket:
        raise InputError(
            f"the missing layers of {plan.recipe.template} take {size} bytes of user data, and EC2 takes {MOST}",
            hint="name an S3 bucket for them, user_data_bucket in [launch] of cws-build.toml, or take --transport ssh",
        )
    packed = _packed(json.dumps(carried))
    digest = hashlib.sha256(packed).hexdigest()
    machines = ctx.account().machines(plan.resolution.region)
    url = machines.lend(bucket, f"cws-build/user-data/{digest}.json.gz", packed, _LENT_SECONDS)
    return {"url": url, "sha256": digest}


def _packed(text: str) -> bytes:
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _last(console: str) -> dict[str, Any]:
    """Return what the machine last said of its user data; empty for nothing yet, or half a line."""
    for line in reversed(_MARK.findall(console)):
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        return found
    return {}


def _tell(ctx: Context, run: Run, plan: LaunchPlan, result: dict[str, Any]) -> dict[str, float]:
    seconds = {str(layer): float(spent) for layer, spent in result.get("layers", {}).items()}
    names = [layer.name for layer in plan.recipe.layers]
    for layer in (name for name in names if name in seconds):
        event = LayerFinished(
            run=run.info.id,
            subject=run.info.subject,
            layer=layer,
            index=names.index(layer) + 1,
            total=len(names),
            seconds=seconds[layer],
        )
        ctx.emit(event)
    return seconds


def _failed(plan: LaunchPlan, machine: MachineState, result: dict[str, Any]) -> ProvisionFailed:
    layer, named, path = (str(result.get(word, "")) for word in ("layer", "task", "path"))
    message, output = (str(result.get(word, "")) for word in ("message", "output"))
    task = TaskFinished(
        layer=layer, task=named, path=path, status="failed", seconds=0.0, message=message, output=output
    )
    name = plan.request.name
    code = result.get("code")
    plain = f"the user data of {name} failed: {task.message or f'ansible-playbook ended with {code}'}"
    return ProvisionFailed(
        task_failure.sentence(task, f"the launch of {name}") if task.task else plain,
        hint="the machine's own record: /var/lib/cws-build/user-data.json, and the journal of cws-user-data",
        details={"instance_id": machine.id, **task_failure.details(task)},
    )
