"""Which of the images that a tier has found may be used: facts that hold for all tiers, and the plugins' checks."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

from cws_build.bounded import TookTooLong, bounded
from cws_build.errors import Interrupted
from cws_build.model.events import Notice
from cws_build.model.image_tags import RESIDUE_TAG
from cws_build.model.judging import judge
from cws_build.model.resolution import SCRIPT_METHOD, Candidate, Finding, Rejected

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.hooks import Check, Tier
    from cws_build.model.resolution import Reason
    from cws_build.ports.lookup import Question

_MOST = 10_000
"""Who answers with more images than this has no end."""
_CHECK_SECONDS = 5.0


class Rubbish(Exception):
    """A plugin's answer is none; the message says what it is."""


def well_formed(answer: object, total: int) -> Finding:
    """Return a tier's answer with its parts as tuples.

    Args:
        answer: What the tier returned.
        total: How many layers the recipe has.

    Raises:
        Rubbish: It is no `Finding`, or one with something else in it.
    """
    if not isinstance(answer, Finding):
        raise Rubbish(f"answered with {_kind(answer)} instead of a Finding")
    # A record does not check what it is made of, so that its parts may be anything.
    found: Any = answer
    try:
        candidates: tuple[Any, ...] = tuple(islice(found.candidates, _MOST + 1))
        rejected: tuple[Any, ...] = tuple(islice(found.rejected, _MOST + 1))
    except TypeError as error:
        raise Rubbish(f"answered with a Finding that cannot be read: {error}") from error
    if max(len(candidates), len(rejected)) > _MOST:
        raise Rubbish(f"answered with more than {_MOST} images")
    wrong = [one for one in candidates if not isinstance(one, Candidate)]
    wrong += [one for one in rejected if not isinstance(one, Rejected)]
    if wrong:
        raise Rubbish(f"answered with {_kind(wrong[0])} among its images")
    beyond = [one for one in candidates if not isinstance(one.layers, int) or not 0 <= one.layers <= total]
    if beyond:
        raise Rubbish(f"says that {beyond[0].ami.id} holds {beyond[0].layers} of {total} layers")
    return Finding(candidates=candidates, rejected=rejected, reason=str(found.reason or ""))


class Sieve:
    """Sifts what tiers find for one question after another. Thread-safe: only a failing check is written down.

    Args:
        ctx: The context.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._plugins = ctx.plugins()
        self._checks = self._plugins.checks(ctx.emit)
        self._broken: set[str] = set()
        self._lock = threading.Lock()

    def sift(self, tier: Tier, finding: Finding, question: Question) -> Finding:
        """Return a finding whose candidates may all be used; the others are rejected with their reasons."""
        looked = [self._look(tier, one, question) for one in finding.candidates]
        return Finding(
            candidates=tuple(one for one in looked if isinstance(one, Candidate)),
            rejected=(*finding.rejected, *(one for one in looked if isinstance(one, Rejected))),
            reason=finding.reason,
        )

    def _look(self, tier: Tier, one: Candidate, question: Question) -> Candidate | Rejected:
        unfit = _unfit(tier, one, question)
        if unfit is None:
            found = self._objection(one, question)
            unfit = ("check", found) if found else None
        return one if unfit is None else Rejected(ami_id=one.ami.id, why=unfit[0], reason=unfit[1])

    def _objection(self, one: Candidate, question: Question) -> str:
        """Ask all checks; one that fails is named and left out, as it must not decide by its failure."""
        while True:
            asked: list[Check] = []
            try:
                return bounded(lambda: self._ask_all(one, question, asked), _CHECK_SECONDS, self._ctx.cancel)  # noqa: B023  it is over before the next turn
            except Interrupted:
                raise
            except TookTooLong:
                trouble = f"did not answer within {_CHECK_SECONDS:g} s"
            except Rubbish as error:
                trouble = str(error)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code may raise anything
                trouble = f"failed: {error!r}"
            self._blame(asked[-1], trouble)

    def _ask_all(self, one: Candidate, question: Question, asked: list[Check]) -> str:
        for check in self._checks:
            if check.name in self._broken:
                continue
            asked.append(check)
            said: Any = check.objection(one.ami, question)
            if said is not None and not isinstance(said, str):
                raise Rubbish(f"answered with {_kind(said)} instead of a sentence")
            if said:
                return str(said)
        return ""

    def _blame(self, check: Check, trouble: str) -> None:
        with self._lock:
            known = check.name in self._broken
            self._broken.add(check.name)
        if not known:
            name = self._plugins.owner(check)
            message = f"the check {check.name} of the plugin {name} {trouble}; images are used without it"
            self._ctx.emit(Notice(message=message, level="warning", hint="CWS_BUILD_PLUGINS names those to load"))


def _unfit(tier: Tier, one: Candidate, question: Question) -> tuple[Reason, str] | None:
    ami, total = one.ami, len(question.recipe.layers)
    if tier.local and ami.region != question.region:
        return "other_region", f"{ami.id} is in {ami.region}, not in {question.region}"
    judged = judge(ami, question)
    if isinstance(judged, Rejected) and judged.why != "incomplete":
        return judged.why, judged.reason
    if tier.method == SCRIPT_METHOD:
        return None
    if not one.layers:
        return "incomplete", f"{ami.id} holds no layer of {question.recipe.template}: a script could start from it"
    if one.layers < total and question.strategy == "ami_required":
        lacks = ", ".join(layer.name for layer in question.recipe.layers[one.layers :])
        return "incomplete", f"{ami.id} lacks {lacks}, and the strategy is ami_required: cws-build bake"
    return None


def traces(one: Candidate) -> str:
    """Return what a person should know of a partial image that was kept from a failed bake; empty for others."""
    layer = one.ami.tags.get(RESIDUE_TAG, "")
    return f"{one.ami.id} was kept from a failed bake and holds traces of the layer {layer}" if layer else ""


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
