"""An image that is made of a machine: the line that is written before the machine is touched."""

from __future__ import annotations

from typing import ClassVar

from cws_build.model.known_content import Changes  # noqa: TC001  msgspec reads it at run time
from cws_build.ports.store import Record


class Creation(Record, frozen=True, kw_only=True):
    """One image of one machine. See `creation_key`."""

    KIND: ClassVar[str] = "creation"

    instance: str
    region: str
    name: str
    template: str
    run: str
    """The run that makes it: while its process lives, nobody else takes a hand."""
    expires: str = ""
    """ISO 8601 UTC; from then on the run counts as over, wherever it ran."""
    status: str = "planned"
    """``planned`` before CreateImage, ``pending`` once EC2 has given an id, ``available``, ``failed``."""
    ami_id: str = ""
    restart: bool = False
    """The machine was stopped for this, or is about to be, and has to be started again."""
    cleaned: bool = False
    """The role sysprep has run on it: nobody can log in until it has booted again."""
    changes: Changes | None = None
    """What had changed on it since its launch, looked for before it was cleaned and stopped; None before that."""
    launched: str = ""
    """When EC2 had last started the machine by then; started again since, people may have worked on it."""
    closed: bool = False
    """It is being cleaned or stopped: what was found holds, and nobody can look again."""
    error: str = ""
    gb: float | None = None
    started: str = ""
    finished: str = ""
    seconds: float | None = None
    """From CreateImage to the image; None where nobody saw both."""


def creation_key(region: str, name: str) -> str:
    """Return the key of a line: EC2 keeps the names of images unique in a region."""
    return f"{region}/{name}"
