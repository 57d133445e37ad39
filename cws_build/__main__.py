"""``python -m cws_build``, and the ``cws-build`` command."""

from __future__ import annotations

import sys

_OBJECTS = 300_000
"""So many new objects let the collector look for cycles, instead of Python's 700: about 10 MB."""


def main() -> int:
    """Run the command line; the plain ``--help`` is a text that travels with the package."""
    words = sys.argv[1:]
    if words in (["--help"], ["-h"]):
        import os

        # No pathlib: importing it would take longer than all the rest of this.
        place = os.path.join(os.path.dirname(__file__), "frontends", "help.txt")  # noqa: PTH118, PTH120
        with open(place, encoding="utf-8") as file:  # noqa: PTH123
            sys.stdout.write(file.read())
        return 0
    import gc

    # Nearly all that is loaded stays until the end: looking through it for garbage takes a quarter of a short command.
    gc.set_threshold(_OBJECTS)
    from cws_build.frontends.cli import main as run

    try:
        return run(words)
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
