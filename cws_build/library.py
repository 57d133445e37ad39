"""Libraries: folders with ``templates/ playbooks/ packer/ plugins/``, laid over each other, first hit wins."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.model.recipe import files_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_INCLUDED = re.compile(r"(?:include|import)_role:\s*\n\s+name:\s*[\"']?([a-z][a-z0-9_]*)")
_IGNORED = {"__pycache__", "README.md", ".DS_Store"}


def builtin_library() -> Path:
    """Return the library that comes with the project: the checkout's top level, or the wheel's data."""
    package = Path(__file__).resolve().parent
    inside_wheel = package / "builtin"
    return inside_wheel if inside_wheel.is_dir() else package.parent


class Library:
    """The libraries in use, most specific first; the built-in one is always the last.

    Args:
        folders: Libraries named by the user, in order of precedence.

    Raises:
        InputError: A named folder does not exist or holds none of the four folders.
    """

    PARTS = ("templates", "playbooks", "packer", "plugins")

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        for folder in folders:
            if not any((folder / part).is_dir() for part in self.PARTS):
                raise InputError(
                    f"{folder} is not a library: it holds none of {', '.join(self.PARTS)}",
                    hint="name a folder with one of these inside: --library DIR",
                )
        self.folders: tuple[Path, ...] = (*folders, builtin_library())

    def parts(self, name: str) -> tuple[Path, ...]:
        """Return every existing folder of one of the four names, most specific first."""
        return tuple(folder / name for folder in self.folders if (folder / name).is_dir())

    def file(self, part: str, *names: str) -> Path:
        """Return the first file or folder ``part/names…``.

        Raises:
            InputError: No library has it.
        """
        for folder in self.parts(part):
            path = folder.joinpath(*names)
            if path.exists():
                return path
        raise InputError(
            f"no library has {part}/{'/'.join(names)}",
            hint=f"searched {', '.join(map(str, self.folders))}",
        )

    def role(self, name: str) -> Path:
        """Return the folder of an Ansible role."""
        return self.file("playbooks", "roles", name)

    @functools.cache  # noqa: B019  a library lives as long as the process that reads it
    def role_closure(self, name: str) -> tuple[str, ...]:
        """Return a role and all roles that its tasks include, the role itself first."""
        found = [name]
        for role in found:
            for file in sorted(self.role(role).glob("tasks/*.yml")):
                named = _INCLUDED.findall(file.read_text(encoding="utf-8"))
                found += [other for other in dict.fromkeys(named) if other not in found]
        return tuple(found)

    @functools.cache  # noqa: B019  as above
    def role_digest(self, name: str) -> str:
        """Return the digest of what a role does: paths and content of its files, and of the roles it includes."""
        own = self.role(name)
        files = [(str(path.relative_to(own)), path.read_bytes()) for path in role_files(own)]
        for other in self.role_closure(name)[1:]:
            root = self.role(other)
            files += [(f"../{other}/{path.relative_to(root)}", path.read_bytes()) for path in role_files(root)]
        return files_digest(files)

    def plugin_files(self) -> Iterator[Path]:
        """Yield the plugin files of all libraries, the built-in ones first."""
        for folder in reversed(self.parts("plugins")):
            yield from sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def role_files(root: Path) -> Iterator[Path]:
    """Yield the files of a role that decide what it does: no caches, no manuals."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not _IGNORED.intersection(path.relative_to(root).parts):
            yield path
