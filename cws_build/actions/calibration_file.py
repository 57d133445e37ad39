"""Where ``calibrate`` keeps what it has learnt: one file per account, in the state folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import InputError
from cws_build.model.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cws_build.context import Context


def calibration_path(ctx: Context) -> Path:
    """Return the file of this account: the sandbox's, or the one of the AWS profile in use."""
    profile = re.sub(r"[^\w.-]", "_", ctx.settings.profile) or "default"
    return ctx.state / "calibration" / ("sandbox.json" if ctx.sandbox else f"aws-{profile}.json")


def calibrated(ctx: Context) -> tuple[Measured, ...]:
    """Return what was learnt for this account; nothing where ``calibrate`` never ran. Raises InputError."""
    path = calibration_path(ctx)
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Measured, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path}: {error}", hint="remove it, or run cws-build calibrate again") from error


def keep_calibration(ctx: Context, measured: Sequence[Measured]) -> Path:
    """Write what was learnt, as a whole; returns where."""
    path = calibration_path(ctx)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(list(measured)))
    new.replace(path)
    return path
