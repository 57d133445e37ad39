"""Is everything there that cws-build drives? Each finding comes with its fix."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import CwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cws_build.context import Context

_LEAST_FREE_GB = 5.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found. ``status`` is ``ok``, ``missing`` (a fix is needed) or ``optional``."""

    name: str
    status: str
    detail: str
    fix: str = ""


def examine(ctx: Context) -> list[Finding]:
    """Check everything, each for itself, and never raise for what is missing."""
    return list(_findings(ctx))


def _findings(ctx: Context) -> Iterator[Finding]:
    yield _asked("packer", lambda: _packer(ctx))
    yield _asked("ansible", lambda: f"ansible-core {ctx.ansible_version()}")
    yield _program("ssh", "apt-get install openssh-client")
    yield _program("ssh-keygen", "apt-get install openssh-client")
    manual = "see AWS Systems Manager's manual; needed for ssh_interface = session_manager alone"
    yield _program("session-manager-plugin", manual, "optional")
    yield from _sandbox(ctx)
    if ctx.sandbox:
        yield _asked("sandbox cloud", lambda: f"{ctx.account().cloud().identity()} at {ctx.account().endpoint}")
    else:
        yield _asked("aws region", lambda: ctx.account().region, "optional")
        yield _asked("aws credentials", lambda: ctx.account().cloud().identity(), "optional")
    yield _disk(ctx)


def _asked(name: str, ask: Callable[[], str], otherwise: str = "missing") -> Finding:
    try:
        return Finding(name=name, status="ok", detail=ask())
    except CwsError as error:
        return Finding(name=name, status=otherwise, detail=error.message, fix=error.hint)


def _packer(ctx: Context) -> str:
    from cws_build.model.packer_versions import capabilities

    version = ctx.packer().version()
    if not capabilities(version).needs_plugins:
        return f"{version} at {ctx.packer().executable}, amazon and ansible built in"
    return f"{version} at {ctx.packer().executable}, with {', '.join(ctx.packer().plugins()) or 'no plugins'}"


def _program(name: str, fix: str, otherwise: str = "missing") -> Finding:
    path = shutil.which(name)
    if path:
        return Finding(name=name, status="ok", detail=path)
    return Finding(name=name, status=otherwise, detail="not installed", fix=fix)


def _sandbox(ctx: Context) -> Iterator[Finding]:
    status = "missing" if ctx.sandbox else "optional"
    lacks = ctx.sandbox_lacks()
    for lack in lacks:
        yield Finding(name="sandbox", status=status, detail=lack.message, fix=lack.hint)
    if not lacks:
        yield Finding(name="sandbox", status="ok", detail="podman, runc, debootstrap, moto and the kernel are ready")


def _disk(ctx: Context) -> Finding:
    folder = next(path for path in (ctx.state, *ctx.state.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    detail = f"{free:.1f} GB free below {folder}"
    if free >= _LEAST_FREE_GB:
        return Finding(name="disk", status="ok", detail=detail)
    return Finding(
        name="disk", status="missing", detail=detail, fix="free some, or name another place: CWS_BUILD_STATE"
    )
