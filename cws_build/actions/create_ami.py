"""An image of a running machine: stopped, taken, started again; begun once, and followed by whoever asks again.

The line of the ledger (`cws_build.model.creation`) is written before the machine is touched. What a process that dies
leaves undone, above all a machine that stands still, the same command finishes, and `reap`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import msgspec

from cws_build.actions.clean_machine import clean_machine
from cws_build.actions.compile import Compiled, compile_template
from cws_build.actions.find_changes import after_sysprep
from cws_build.actions.find_machine import find_machine
from cws_build.actions.follow_creation import await_image, await_snapshots
from cws_build.actions.hold_machine import held, start_again
from cws_build.actions.judge_machine import judged, look_at, what_it_is
from cws_build.actions.known_image import drop_failed, image_called, source_image
from cws_build.actions.ledger_history import with_ledger
from cws_build.actions.new_run import new_run
from cws_build.actions.remember import account_name, records
from cws_build.actions.reopen_machine import reopen_machine
from cws_build.errors import CwsError, InputError, ToolError
from cws_build.model import estimate
from cws_build.model.created_tags import INSTANCE_TAG, created_tags
from cws_build.model.creating import Created, CreateRequest
from cws_build.model.creation import Creation, creation_key
from cws_build.model.distribution import Place
from cws_build.model.events import Notice
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG
from cws_build.model.image_events import ImageBuilding, ImageMade, ImagingStarted, SnapshotStarted
from cws_build.model.image_tags import finished_description, image_name
from cws_build.ports.images import CreateOrder

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.estimate import Estimate
    from cws_build.model.image import Ami
    from cws_build.ports import Run
    from cws_build.ports.machines import MachineState

_UNKNOWN_GB = 8.0
"""What is assumed of a machine whose image is gone, for the estimate of the time alone."""
_SHORTEST_NAME = 3


def create_ami(ctx: Context, request: CreateRequest) -> Created:
    """Make an image of a machine, or go on with one that the same request has begun.

    Raises:
        InputError: The template, the machine or the name is wrong, or the name belongs to another image.
        ProvisionFailed: ``sysprep`` failed on the machine.
        CloudError: The account refused or failed; the machine runs again.
        Interrupted: ``ctx.cancel`` was set; the machine runs again, and an image that was begun goes on by itself.
    """
    began = time.monotonic()
    check_name(request.name)
    machine = find_machine(ctx, request.instance, request.region)
    compiled = compile_template(
        ctx.library, request.template, {}, architecture=machine.architecture, version=request.version
    )
    lock = f"create-{account_name(ctx)}-{machine.region}-{request.name.replace('/', '-')}"
    with ctx.runs.lock(lock, lambda: _refuse_twin(request), ctx.cancel):
        ready = _ready(ctx, request, machine)
        if ready:
            return _result(ctx, request, machine, Place(ami_id=ready, status="available"), began)
        with ctx.runs.begin(new_run(ctx, "create", request.name, machine.region)) as run:
            try:
                place = _Making(ctx, request, compiled, machine, run).made()
            except BaseException as error:
                with suppress(ToolError):
                    run.finish(error.code if isinstance(error, CwsError) else "failed")
                raise
            run.gone(("image", request.name))
            run.finish("done")
    return _result(ctx, request, machine, place, began)


def check_name(name: str) -> None:
    """Refuse a name that EC2 would refuse; raises InputError."""
    if len(name) < _SHORTEST_NAME or image_name(name) != name:
        raise InputError(
            f"'{name}' cannot be the name of an image",
            hint="3 to 128 letters, digits, spaces and ( ) [ ] . / - ' @ _, such as --name 'Python ML v2.1.0'",
        )


class _Making(NamedTuple):
    """One image that is being made."""

    ctx: Context
    request: CreateRequest
    compiled: Compiled
    machine: MachineState
    run: Run

    def made(self) -> Place:
        """Make the image, and wait for it unless nobody wants to."""
        self.run.intend("image", self.request.name)  # it is known whose work it is before there is any
        line = self._line()
        self.ctx.emit(ImagingStarted(instance=self.request.instance, regions=self.request.regions))
        fresh = not line.ami_id
        if line.ami_id:
            self._resumed(line)
        else:
            line = self._opened(line)
        seconds = self._estimate(line)
        self.ctx.emit(ImageBuilding(image=line.ami_id, name=line.name, estimate=seconds))
        if not self.request.wait:
            return Place(ami_id=line.ami_id, status="pending")
        return await_image(self.ctx, line, seconds.timeout, fresh=fresh)

    def _resumed(self, line: Creation) -> None:
        """Start a machine again that a process which died has left standing."""
        try:
            await_snapshots(self.ctx, line)
        finally:
            if line.restart:
                start_again(self.ctx, line)

    def _line(self) -> Creation:
        """Return the line, written before anything is touched; one that was left open goes on."""
        ctx, request, machine = self.ctx, self.request, self.machine
        stray = image_called(ctx, machine.region, request.name)
        begun = stray.id if stray and stray.state in {"pending", "available"} else ""
        runs = machine.state in {"pending", "running"}

        def how(old: Creation | None) -> Creation:
            mine = old if old and old.instance == machine.id else None
            held_since = bool(mine and mine.restart and mine.launched == machine.launched)
            kept = mine if mine and (begun or (mine.closed and held_since)) else None
            half = bool(mine and mine.closed and not mine.cleaned and not begun)
            return Creation(
                instance=machine.id,
                region=machine.region,
                name=request.name,
                template=self.compiled.recipe.template,
                run=self.run.info.id,
                expires=self.run.info.expires,
                status="pending" if begun else "planned",
                ami_id=begun,
                restart=bool(mine and mine.restart) or (runs and request.reboot and not begun),
                cleaned=bool(kept and kept.cleaned),
                closed=bool(kept) or half,
                changes=kept.changes if kept else None,
                launched=machine.launched,
                gb=self._gb(),
                started=mine.started if mine and begun else "",
            )

        line = records(ctx, Creation).change(creation_key(machine.region, request.name), how)
        assert line is not None  # noqa: S101  how() always returns one
        return line

    def _opened(self, line: Creation) -> Creation:
        """Bring the logins back that a sysprep which was cut off has taken, and begin the image."""
        if not (self.request.sysprep and line.closed) or line.cleaned:
            return self.begun(line)
        machine = reopen_machine(self.ctx, line)
        line = self._changed(line, restart=self.request.reboot, launched=machine.launched)
        return self._replace(machine=machine).begun(line)

    def begun(self, line: Creation) -> Creation:
        """Look at the machine, clean it where that is wanted, and have EC2 begin the image."""
        return self._taken(self._cleaned(self._looked_at(line)))

    def _looked_at(self, line: Creation) -> Creation:
        """Look for what people have changed while that can still be told: before sysprep, and before it is stopped."""
        if line.changes is None:
            changes = look_at(self.ctx, self.compiled.recipe, self.machine, self._user)
            line = self._changed(line, changes=changes)
        return line

    def _cleaned(self, line: Creation) -> Creation:
        if not self.request.sysprep or line.cleaned:
            return line
        line = self._changed(line, closed=True)
        clean_machine(self.ctx, self.run, self.machine, self._user)
        line = self._changed(line, cleaned=True)  # at once: nobody could clean it a second time
        if line.changes and line.changes.none:
            after_sysprep(self.ctx, self.machine)
        return line

    @property
    def _user(self) -> str:
        return self.compiled.base.ssh_user or "ec2-user"

    def _taken(self, line: Creation) -> Creation:
        """Have EC2 begin the image of a machine that stands still; it runs again once its disks are being taken."""
        line = self._changed(line, closed=True)
        with held(self.ctx, line):
            self.ctx.emit(SnapshotStarted(instance=line.instance, region=line.region, running=not self.request.reboot))
            images = self.ctx.account().images(line.region)
            ident = images.create(self._order(line))
            now = self.ctx.clock().isoformat(timespec="seconds")
            line = self._changed(line, status="pending", ami_id=ident, started=now)
            await_snapshots(self.ctx, line)
        return line

    def _order(self, line: Creation) -> CreateOrder:
        recipe = self.compiled.recipe
        source = source_image(self.ctx, self.machine)
        tags = created_tags(line.name, recipe, self.machine, source, cleaned=line.cleaned)
        tags |= what_it_is(self.ctx, self.request, recipe, self.machine, line)
        said, digest = f"{recipe.name}, from a machine launched as {self.request.instance}", tags.get(DIGEST_TAG, "")
        return CreateOrder(
            instance=line.instance,
            name=line.name,
            description=finished_description(said, digest) if digest else said[:255],
            # The machine stands still already, or shall go on running: EC2 need not reboot it.
            no_reboot=True,
            tags=self.ctx.settings.bake.tags | tags,
        )

    def _changed(self, line: Creation, **fields: object) -> Creation:
        """Change some fields of the line, and write it; what others have changed meanwhile stays."""
        key = creation_key(line.region, line.name)
        changed = records(self.ctx, Creation).change(key, lambda old: msgspec.structs.replace(old or line, **fields))
        return changed or line

    def _gb(self) -> float | None:
        source = source_image(self.ctx, self.machine)
        return float(source.volume_gb) if source and source.volume_gb else None

    def _estimate(self, line: Creation) -> Estimate:
        lines = records(self.ctx, Creation).all().values()
        again = any(one.instance == line.instance and one.status == "available" for one in lines)
        return estimate.create(line.gb or _UNKNOWN_GB, with_ledger(self.ctx), again=again)


def _ready(ctx: Context, request: CreateRequest, machine: MachineState) -> str:
    """Return the image of this name if it is of this machine and finished; empty where it is still to be made.

    Raises:
        InputError: The name belongs to something else.
    """
    found = image_called(ctx, machine.region, request.name)
    if found is None:
        _warn_of_other_template(ctx, request, machine)
        return ""
    if found.tags.get(INSTANCE_TAG) != machine.id:
        raise InputError(
            f"{found.id} in {machine.region} is called {request.name} already, and is no image of {machine.id}",
            hint="--name another; names of images are unique in a region",
        )
    if found.state == "failed":
        drop_failed(ctx, found)
        return ""
    line = records(ctx, Creation).get(creation_key(machine.region, request.name))
    if found.state != "available" or (line and (line.restart or line.status != "available")):
        return ""
    _say_there(ctx, found)
    return found.id


def _say_there(ctx: Context, found: Ami) -> None:
    message = f"{found.id} is an image of this machine under this name already, made {found.created}"
    ctx.emit(Notice(message=message, hint="another --name makes another one"))
    ctx.emit(ImageMade(image=found.id, region=found.region, seconds=0.0))


def _warn_of_other_template(ctx: Context, request: CreateRequest, machine: MachineState) -> None:
    launched = machine.tags.get(TEMPLATE_TAG, "")
    if launched and launched != request.template:
        message = f"{request.instance} was launched from {launched}; its image will be one of {request.template}"
        ctx.emit(Notice(message=message, level="warning"))


def _refuse_twin(request: CreateRequest) -> NoReturn:
    raise InputError(f"an image called {request.name} is being made at this moment", hint="wait, or --name another")


def _result(ctx: Context, request: CreateRequest, machine: MachineState, place: Place, began: float) -> Created:
    line = records(ctx, Creation).get(creation_key(machine.region, request.name))
    made = Created(
        ami_id=place.ami_id or "",
        name=request.name,
        region=machine.region,
        instance_id=machine.id,
        template=request.template,
        version=request.version,
        regions={machine.region: place},
        reused=place.seconds is None and place.status == "available",
        seconds=time.monotonic() - began,
    )
    return judged(made, image_called(ctx, machine.region, request.name), line.changes if line else None)
