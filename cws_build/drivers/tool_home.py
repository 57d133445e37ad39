"""A tool's own folders in a run's: cache, configuration, and a place for what it needs for the moment.

Packer talks to its plugins through Unix sockets, and Ansible to its machines; the paths of sockets may have 108 bytes
in all, and most runs have longer ones. The place for the moment then is a short folder elsewhere, and
``tool-home/tmp`` a link to it. The link is there before the folder is, so that whoever tidies up the run finds it,
however its process ended. Whoever removes it ends what still listens there: SSH's shared connections outlive a
playbook by minutes.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from secrets import token_hex
from typing import Self

from cws_build.drivers.descendants import end_naming

_LONGEST = 60
_NAME = "tool-home"


class ToolHome:
    """The folders of one run; a context manager, which removes those of the moment.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: Path) -> None:
        self.folder = run / _NAME
        self._inside = self.folder / "tmp"

    @property
    def temporary(self) -> Path:
        """Where sockets may lie: a short path."""
        return self._inside.readlink() if self._inside.is_symlink() else self._inside

    @property
    def connections(self) -> Path:
        """Where SSH keeps the connections that Ansible's tasks share."""
        return self.temporary / "cp"

    def __enter__(self) -> Self:
        _remove(self._inside)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if len(str(self._inside)) > _LONGEST:
            self._inside.symlink_to(Path(tempfile.gettempdir()) / f"cws-{token_hex(8)}")
        # Not with exist_ok: in a folder that everybody may write to, one that is there already is somebody else's.
        self.temporary.mkdir(mode=0o700)
        return self

    def __exit__(self, *_: object) -> None:
        _remove(self._inside)


def remove_home(run: Path) -> None:
    """Remove everything that a tool had for itself in a run, and outside of it."""
    _remove(run / _NAME / "tmp")
    shutil.rmtree(run / _NAME, ignore_errors=True)


def _remove(link: Path) -> None:
    there = link.readlink() if link.is_symlink() else link
    if there.is_dir():
        end_naming(there)
        shutil.rmtree(there, ignore_errors=True)
    if link.is_symlink():
        link.unlink()
