"""Several bakes at once, a bounded number at a time; one that fails takes no other with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.actions.bake import bake
from cws_build.errors import CwsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.model.baking import BakeRequest, BakeResult


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one request: a result or an error."""

    request: Any
    result: Any = None
    error: Any = None

    def document(self) -> object:
        """Return it JSON-ready."""
        if self.error is None:
            return self.result
        body = {"code": self.error.code, "message": self.error.message, "hint": self.error.hint}
        return {"template": self.request.template, "error": body | {"details": self.error.details}}


def bake_all(ctx: Context, requests: Sequence[BakeRequest]) -> list[Outcome]:
    """Bake every request, at most ``settings.bake.parallel`` at a time; return outcomes in the order asked."""
    if len(requests) == 1:
        return [_outcome(ctx, requests[0])]
    ctx.account()  # one thread starts the sandbox, not all of them
    with ThreadPoolExecutor(max(1, ctx.settings.bake.parallel), thread_name_prefix="bake") as pool:
        return list(pool.map(lambda request: _outcome(ctx, request), requests))


def _outcome(ctx: Context, request: BakeRequest) -> Outcome:
    try:
        result: BakeResult = bake(ctx, request)
        if request.regions:
            from cws_build.actions.spread_bake import spread_bake  # of no use to the bake that goes nowhere

            result = spread_bake(ctx, request, result)
    except CwsError as error:
        return Outcome(request=request, error=error)
    return Outcome(request=request, result=result)
