"""``python -m cws_build``, and the ``cws-build`` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; the plain ``--help`` is a text that travels with the package."""
    words = sys.argv[1:]
    if words in (["--help"], ["-h"]):
        from pathlib import Path

        sys.stdout.write(Path(__file__).with_name("frontends").joinpath("help.txt").read_text(encoding="utf-8"))
        return 0
    from cws_build.frontends.cli import main as run

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
