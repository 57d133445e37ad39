"""From a template to the image that a launch would use: tiers are asked by rank until one lacks nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.chain import Chain
from cws_build.actions.compile import Compiled
from cws_build.actions.plan_bake import compile_for
from cws_build.actions.shared_lookups import Shared
from cws_build.actions.sift import Sieve
from cws_build.errors import CwsError, InputError
from cws_build.model.baking import BakeRequest
from cws_build.model.resolution import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cws_build.context import Context
    from cws_build.model.launching import ResolveRequest

_AT_ONCE = 40
"""More than there are regions; a resolution mostly waits."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A template's answer, and what it was compiled to."""

    compiled: Compiled
    resolution: Resolution


def resolve(ctx: Context, request: ResolveRequest) -> Resolved:
    """Find the image that a launch would use.

    That there is none is an answer, not an error; its method then is ``failed``.

    Raises:
        InputError: The template, a parameter or the region is wrong.
        PluginError: Two tiers have one name.
        CloudError: Nothing was found, and the account could not be asked.
    """
    (answer,) = resolve_all(ctx, [request])
    if isinstance(answer, CwsError):
        raise answer
    return answer


def resolve_all(ctx: Context, requests: Sequence[ResolveRequest]) -> list[Resolved | CwsError]:
    """Resolve several templates, architectures or regions at once; each has an answer or an error of its own.

    Each region is asked once for the baked images of all templates together.

    Raises:
        PluginError: Two tiers have one name.
        Interrupted: The user has stopped the command.
    """
    ctx.plugins().tiers(ctx.emit)
    compiled = _compile_all(ctx, requests)
    recipes = [one.recipe for one in compiled if isinstance(one, Compiled)]
    shared = Shared(ctx, recipes, refresh=any(request.refresh for request in requests))
    sieve = Sieve(ctx)
    calls = [_answer(ctx, request, one, shared, sieve) for request, one in zip(requests, compiled, strict=True)]
    if len(calls) == 1:
        return [calls[0]()]
    with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(calls))), thread_name_prefix="resolve") as pool:
        return list(pool.map(lambda call: call(), calls))


def _compile_all(ctx: Context, requests: Sequence[ResolveRequest]) -> list[Compiled | CwsError]:
    """Compile each template once, however many regions it is resolved in."""
    known: dict[str, Compiled | CwsError] = {}
    found = []
    for request in requests:
        wanted = BakeRequest(
            template=request.template,
            architecture=request.architecture,
            version=request.version,
            parameters=request.parameters,
        )
        key = repr(wanted)
        if key not in known:
            try:
                known[key] = compile_for(ctx, wanted)
            except InputError as error:
                known[key] = error
        found.append(known[key])
    return found


def _answer(
    ctx: Context, request: ResolveRequest, compiled: Compiled | CwsError, shared: Shared, sieve: Sieve
) -> Callable[[], Resolved | CwsError]:
    def answer() -> Resolved | CwsError:
        if isinstance(compiled, CwsError):
            return compiled
        try:
            found = Chain(ctx, compiled, request, shared, sieve).resolution()
        except CwsError as error:
            return error
        return Resolved(compiled=compiled, resolution=found)

    return answer
