"""The copies that a launch could make: one from every region that holds the image, each with its own price."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.residency import may_leave
from cws_build.actions.together import together
from cws_build.data import price_book
from cws_build.model import costs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cws_build.actions.resolve import Resolved
    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.model.launching import CopyStep
    from cws_build.model.measured import History


def copy_offers(
    ctx: Context, resolved: Resolved, past: History, written: Mapping[str, float | None] | None = None
) -> tuple[CopyStep, ...]:
    """Return the copies, the nearest source first.

    Args:
        ctx: The context.
        resolved: The template and what was found.
        past: What was measured here.
        written: What `written_gb` said of the sources; None asks it now.
    """
    sources = [one.ami for one in resolved.resolution.copyable]
    told = written_gb(ctx, sources) if written is None else written
    return tuple(_offer(ctx, resolved, past, source, told[source.id]) for source in sources)


def written_gb(ctx: Context, sources: Iterable[Ami]) -> dict[str, float | None]:
    """Return the GiB that were written to images, by id; None where nobody tells: the size of the volume bounds it.

    Each image is asked for once, and all at the same time.
    """
    calls = {one.id: functools.partial(ctx.account().machines(one.region).written_gb, one.id) for one in sources}
    answers = together(calls, ctx.settings.resolve.timeout_seconds, ctx.cancel)
    return {ident: None if isinstance(answer, Exception) else answer for ident, answer in answers.items()}


def _offer(ctx: Context, resolved: Resolved, past: History, source: Ami, gb: float | None) -> CopyStep:
    region = resolved.resolution.region
    step = costs.copy_step(source, region, gb, None if ctx.sandbox else price_book(), past)
    verdict = may_leave(ctx, resolved.compiled.template, source, region)
    return msgspec.structs.replace(step, caution=verdict.reason) if verdict.may == "ask" else step
