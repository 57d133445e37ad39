"""Channels: names such as ``stable`` that stand for one version of a template, everywhere at once.

The cloud's side of a channel is a label on an SSM parameter, one parameter per template and architecture in each
region, whose versions name images: ``resolve:ssm:/cws-build/python-ml/x86_64:stable`` launches what it stands for.
"""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from cws_build.errors import InputError
from cws_build.ports.store import Record

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
_RESERVED = ("aws", "ssm")


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A channel at one time: which version, and the image that it is in each place."""

    version: str
    at: str
    """ISO 8601 UTC."""
    targets: dict[str, str]
    """``region/architecture`` -> image id."""
    back_from: str = ""
    """The version that this move took back; empty for a promotion."""


class Channel(Record, frozen=True, kw_only=True):
    """One channel of one template; the key is ``template/channel``."""

    KIND: ClassVar[str] = "channel"

    moves: tuple[Move, ...] = ()
    """Every move that was finished, oldest first; what the channel stands for is the last."""
    under_way: Move | None = None
    """Written before the first call, gone when all labels have moved: a crash leaves it for the next command."""

    @property
    def now(self) -> Move | None:
        """What the channel stands for; None for nothing yet."""
        return self.moves[-1] if self.moves else None

    def finished(self) -> Channel:
        """Return the channel after what was under way has come to its end."""
        done = (*self.moves, self.under_way) if self.under_way else self.moves
        return msgspec.structs.replace(self, moves=done[-_KEPT:], under_way=None)


_KEPT = 50
"""So many moves are remembered."""


def channel_key(template: str, channel: str) -> str:
    """Return the key of a channel in the store."""
    return f"{template}/{channel}"


def check_channel(name: str) -> None:
    """Refuse what SSM does not take as a label.

    Raises:
        InputError: It is too long, begins with a digit or a reserved word, or has other characters than SSM's.
    """
    if not _LABEL.fullmatch(name) or name.lower().startswith(_RESERVED):
        raise InputError(
            f"'{name}' cannot name a channel: letters, digits, '.', '-' and '_', first a letter, not aws or ssm",
            hint="--channel stable",
        )


def parameter_name(prefix: str, template: str, architecture: str) -> str:
    """Return the SSM parameter that names a template's images."""
    return f"{prefix.rstrip('/')}/{_UNFIT.sub('-', template)}/{architecture}"


def place(region: str, architecture: str) -> str:
    """Return the word for a place of a channel."""
    return f"{region}/{architecture}"
