"""The nouns of trying an image: how a machine of it came up, and what was asked of it."""

from __future__ import annotations

import msgspec

from cws_build.model.estimate import Estimate
from cws_build.model.launching import ServiceState


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a template's ``validation`` list, and what came of it."""

    name: str
    ok: bool
    seconds: float
    reason: str = ""
    """Why it does not hold; empty where it does."""
    output: str = ""
    """For one that does not hold: the last lines that it printed, without secrets."""


class PendingCount(msgspec.Struct, frozen=True):
    """How many updates the distribution offers for what is on a machine."""

    total: int
    security: int


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that was started from an image to see whether it works; it is gone again."""

    ok: bool
    """Its SSH and services answer, and every validation holds."""
    ready_seconds: float | None
    """From the request for the machine to the last service answering; None where it never came so far."""
    ami_id: str
    region: str
    instance_type: str
    services: tuple[ServiceState, ...] = ()
    validation: tuple[Validated, ...] = ()
    """The steps in their order, all of them run; empty where the machine was not ready for them."""
    pending: PendingCount | None = None
    """Updates that its distribution offers by now; None where nobody looked, or the look failed."""
    predicted: Estimate | None = None
    """What the launch of such an image was expected to take; None where nobody asked."""
    seconds: dict[str, float] = {}
    """Measured phases: ``start``, ``ssh``, ``services``, ``validation``, ``inventory``, ``pending``, ``removal``,
    ``total``."""
    failed: str = ""
    """What failed, such as ``service jupyter``, ``validation packages`` or ``boot``; empty where nothing did."""
    error: str = ""
    """One sentence that says so."""
    hint: str = ""
    output: str = ""
    """The end of the console, of a service's journal or of a command, without secrets."""
    kept: str = ""
    """The command that logs in to its machine, where that was left running for a look."""
    run: str = ""

    @property
    def outcome(self) -> str:
        """What answers and holds, in a few words."""
        answers = [f"{one.name} {one.port} answers" for one in self.services if one.ready]
        held = sum(one.ok for one in self.validation)
        holds = [f"{held} of {len(self.validation)} validations hold"] if self.validation else []
        return ", ".join([*(answers or ["SSH answers"]), *holds])
