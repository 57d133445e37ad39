"""A build that failed: what a person needs to know, and a machine to look at if they asked for one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from cws_build.errors import AccessDenied, BakeFailed, CloudError, Interrupted, LimitExceeded, ResourceNotFound
from cws_build.model import task_failure
from cws_build.model.events import Notice
from cws_build.model.failures import explain
from cws_build.model.image import EXPIRES_TAG

if TYPE_CHECKING:
    from cws_build.actions.build_image import Build
    from cws_build.actions.builder_access import Access
    from cws_build.actions.watch_build import Watch
    from cws_build.context import Context
    from cws_build.errors import CwsError
    from cws_build.model.events import TaskFinished
    from cws_build.model.failures import Explanation
    from cws_build.ports import BuildReport, Cloud

_STATE_REASON = re.compile(r'state reason: \{\s*Code: "[^"]*",\s*Message: "([^"]*)"')
"""How Packer passes on what EC2 says about an image that failed."""
_REFUSALS = {kind.code: kind for kind in (AccessDenied, LimitExceeded, ResourceNotFound, CloudError)}
_LONGEST = 300
"""Characters of what AWS said that a sentence bears; an encoded authorization message has a thousand."""


def raise_failure(build: Build, report: BuildReport, watch: Watch, partial: str) -> NoReturn:
    """Raise what became of a build, in the words of the task that failed, never of an exit status.

    What the cloud refused is a CloudError, also where it refused Packer and not us; all else is BakeFailed.

    Args:
        build: The build.
        report: What Packer said.
        watch: What was seen while it ran.
        partial: Id of the image that keeps the finished layers; empty for none.
    """
    if report.outcome.interrupted:
        raise Interrupted(
            f"stopped while baking {build.run.info.subject}; Packer has removed its machine",
            hint="run the same command again; cws-build reap --dry-run shows whether anything is left",
        )
    details: dict[str, object] = {"log": str(build.run.folder / "packer.log"), "run": build.run.info.id}
    if partial:
        details["partial_ami"] = partial
    if watch.failure:
        raise _task_failed(build, watch.failure, details)
    known = explain([*report.errors, *report.outcome.tail])
    said = "; ".join(report.errors) or " ".join(report.outcome.tail[-2:]) or f"exit status {report.outcome.code}"
    details |= {"errors": list(report.errors)} | ({"failure": known.code} if known else {})
    raise _kind(known)(
        f"Packer could not bake {build.run.info.subject}: {_cause(known, said)}",
        hint=known.hint if known else f"its log: {details['log']}",
        details=details,
    )


def _kind(known: Explanation | None) -> type[CwsError]:
    """Tell a cloud that refuses from a tool that fails: scripts wait for the one and stop at the other."""
    return _REFUSALS.get(known.error, BakeFailed) if known else BakeFailed


def _cause(known: Explanation | None, said: str) -> str:
    """Return one line: what is known of the failure, and the cloud's own words where it was the cloud."""
    reason = _STATE_REASON.search(said)
    if known is None:
        return " ".join(said.split())
    words = reason[1] if reason else known.line.strip().partition("\n")[0] if known.error in _REFUSALS else ""
    if len(words) > _LONGEST:
        words = f"{words[:_LONGEST]} … (its log has the rest)"
    return f"{known.cause} AWS says: {words}" if words else known.cause


def _task_failed(build: Build, task: TaskFinished, details: dict[str, object]) -> BakeFailed:
    again = f"cws-build bake {build.plan.recipe.template}"
    resume = f"mend it and run `{again}` again; it goes on from the finished layers"
    look = f"`{again} --on-failure keep` leaves the machine for a look"
    kept = f"look at the machine that is kept; `{_removal(build)}` ends it before its time"
    return BakeFailed(
        task_failure.sentence(task, f"the bake of {build.run.info.subject}"),
        hint=task_failure.known_hint(task) or (resume if "partial_ami" in details else kept if build.keep else look),
        details=details | task_failure.details(task),
    )


def _removal(build: Build) -> str:
    return f"cws-build reap --run {build.run.info.id}"


def keep_machine(ctx: Context, build: Build, cloud: Cloud, access: Access, watch: Watch) -> None:
    """Keep a failed builder under a lease, and say how to reach it."""
    instance = watch.resources.get("instance")
    if instance is None:
        return
    access.keep = True
    until = (ctx.clock() + timedelta(minutes=ctx.settings.bake.keep_minutes)).isoformat(timespec="seconds")
    build.run.keep(until)
    try:
        ours = [instance] if ctx.settings.bake.security_group_id else [instance, access.group]
        cloud.tag(ours, {EXPIRES_TAG: until})
        address = cloud.address(instance)
    except CloudError as error:
        ctx.emit(Notice(run=build.run.info.id, message=error.message, level="warning"))
        address = instance
    user = build.compiled.base.ssh_user or "ec2-user"
    ctx.emit(
        Notice(
            run=build.run.info.id,
            subject=build.run.info.subject,
            message=f"{instance} keeps running until {until}: ssh -i {access.key_file} {user}@{address}",
            hint=f"{_removal(build)} removes it before",
        )
    )
