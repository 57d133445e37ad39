"""Handing the terminal to another program, which takes our place."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from cws_build.errors import ToolMissing

if TYPE_CHECKING:
    from collections.abc import Sequence


def become(argv: Sequence[str]) -> NoReturn:
    """Replace this process by a program; raises ToolMissing where it is not installed."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606  an argv list, and no shell takes part
    except FileNotFoundError as error:
        raise ToolMissing(f"there is no '{argv[0]}' on PATH", hint="apt-get install openssh-client") from error
