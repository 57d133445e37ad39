"""Resolve for a launch: on the architecture that is asked for, or on the cheaper of those that have an image."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.choose_machine import architecture_of, choose_machine
from cws_build.actions.compile import compile_template
from cws_build.actions.resolve import resolve, resolve_all
from cws_build.errors import CwsError
from cws_build.model.launch_events import ImageFound, NoImageFound, ResolutionStarted

if TYPE_CHECKING:
    from cws_build.actions.resolve import Resolved
    from cws_build.context import Context
    from cws_build.model.events import Event
    from cws_build.model.launching import LaunchRequest, ResolveRequest


def resolve_for_launch(ctx: Context, request: LaunchRequest) -> Resolved:
    """Find the image of a launch; raises as `resolve` does.

    Without a word on the architecture, from the caller, by the machine type or in the template, finished images of
    both are looked for, and the one whose machine costs less is taken. The sandbox has the one of its host.
    """
    wanted = request.resolve
    if wanted.architecture or ctx.sandbox:
        return resolve(ctx, wanted)
    named = architecture_of(request.instance_type) or _preferred(ctx, wanted)
    if named:
        return resolve(ctx, msgspec.structs.replace(wanted, architecture=named))
    named = _cheaper(ctx, request)
    # The answers are remembered; this one is told, and only its beginning was told before.
    again = msgspec.structs.replace(wanted, architecture=named, refresh=False)
    return resolve(_without(ctx, ResolutionStarted), again)


def _preferred(ctx: Context, wanted: ResolveRequest) -> str:
    template = compile_template(ctx.library, wanted.template, wanted.parameters, version=wanted.version).template
    return (template.ami_config.preferred_architecture or "") if template.ami_config else ""


def _cheaper(ctx: Context, request: LaunchRequest) -> str:
    """Return the architecture whose finished image runs on the cheaper machine, the default one where none is."""
    wanted = request.resolve
    ctx.emit(ResolutionStarted(template=wanted.template, region=wanted.region))
    both = [msgspec.structs.replace(wanted, architecture=one) for one in ("x86_64", "arm64")]
    answers = resolve_all(_without(ctx, ResolutionStarted, ImageFound, NoImageFound), both)
    found = [one for one in answers if not isinstance(one, CwsError)]
    finished = [one for one in found if one.resolution.complete]
    if not finished:
        return (found[0].resolution.architecture if found else "") or both[0].architecture
    return min(finished, key=lambda one: _usd_hour(ctx, one, request)).resolution.architecture


def _usd_hour(ctx: Context, resolved: Resolved, request: LaunchRequest) -> float:
    kind = choose_machine(ctx, resolved, request).instance_types[0]
    price = ctx.plugins().hourly_price(kind, resolved.resolution.region, ctx.emit)
    return price.usd_hour if price else float("inf")


def _without(ctx: Context, *kinds: type[Event]) -> Context:
    """Return a context that keeps some kinds of events to itself."""

    def emit(event: Event) -> None:
        if not isinstance(event, kinds):
            ctx.emit(event)

    return dataclasses.replace(ctx, emit=emit)
