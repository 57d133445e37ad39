"""All templates of some folders: found by name, slug or path, with their parents."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import InputError
from cws_build.model.problem import Problem, did_you_mean
from cws_build.model.template import Template
from cws_build.reader import Reading, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = frozenset({".yml", ".yaml"})


class Entry(msgspec.Struct, frozen=True):
    """A template, the file it stands in, and the warnings about it."""

    template: Template
    file: Path
    problems: tuple[Problem, ...] = ()
    parents: tuple[tuple[str, int], ...] = ()
    """What it inherits, each with its line."""


class Broken(msgspec.Struct, frozen=True):
    """A file that holds no usable template; ``name`` is what it calls itself, where that can be told."""

    name: str
    file: Path
    problems: tuple[Problem, ...]
    parents: tuple[tuple[str, int], ...] = ()
    """As of an `Entry`, where they can be told."""


class _CircleError(InputError):
    """Templates inherit each other."""

    def __init__(self, file: Path, names: Sequence[str]) -> None:
        self.names = names
        self.sentence = f"templates inherit each other in a circle: {' -> '.join(names)}"
        super().__init__(f"{file}: {self.sentence}", hint="take one of them out of the inherits of another")


class Catalog:
    """The templates of some folders. Make one with ``Catalog.load``.

    Attributes:
        entries: The templates, in the order of the folders and of the file names.
        broken: The files that could not be read; they hide none of the others.
        strict: Whether unknown keys are errors.
    """

    def __init__(self, readings: Sequence[Entry | Broken], *, strict: bool = False) -> None:
        self.strict = strict
        self.broken = tuple(item for item in readings if isinstance(item, Broken))
        self._by_name: dict[str, Entry] = {}
        self._by_slug: dict[str, Entry] = {}
        self._shadowed: list[Problem] = []
        self.entries = tuple(item for item in readings if isinstance(item, Entry) and self._added(item))

    @classmethod
    def load(cls, folders: Sequence[Path], *, strict: bool = False) -> Catalog:
        """Read every ``.yml`` and ``.yaml`` file below the folders; of templates with one name the first counts."""
        files = dict.fromkeys(file.resolve() for folder in folders for file in _files(folder))
        return cls([_read(file, strict=strict) for file in files], strict=strict)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with any of the files."""
        found = [problem for entry in self.entries for problem in entry.problems]
        found += [problem for broken in self.broken for problem in broken.problems]
        items: tuple[Entry | Broken, ...] = (*self.entries, *self.broken)
        found += [problem for item in items for problem in self.family_problems(item)]
        return (*found, *self._shadowed)

    def family_problems(self, item: Entry | Broken) -> list[Problem]:
        """Return what is wrong with the parents that a file names: all that do not exist, and a circle."""
        found = []
        for index, (name, line) in enumerate(item.parents):
            with suppress(InputError):  # what is wrong with a broken parent is told of its own file
                if self._parent(name, item.file) is None:
                    message = f"there is no template '{name}'"
                    found.append(Problem(str(item.file), line, f"inherits[{index}]", message, self._parent_hint(name)))
        circle = self._circle(item) if isinstance(item, Entry) else None
        if circle:
            found.append(Problem(str(item.file), item.parents[0][1], "inherits", circle.sentence, circle.hint))
        return found

    def _circle(self, entry: Entry) -> _CircleError | None:
        try:
            self.lineage(entry)
        except _CircleError as error:
            return error if entry.template.name in error.names else None
        except InputError:
            pass
        return None

    def _added(self, entry: Entry) -> bool:
        """Take an entry into the indexes, unless another has its name."""
        name = entry.template.name
        first = self._by_name.get(name)
        if first:
            message = f"'{name}' is already defined in {first.file}; this file is passed over"
            self._shadowed.append(Problem(str(entry.file), 1, "name", message, "rename one", "warning"))
            return False
        self._by_name[name] = entry
        other = self._by_slug.setdefault(entry.template.short_name, entry)
        if other is not entry:
            slug = entry.template.short_name
            message = f"the short name '{slug}' belongs to '{other.template.name}' in {other.file}"
            self._shadowed.append(Problem(str(entry.file), 1, "slug", message, "add a 'slug'", "warning"))
        return True

    def find(self, wanted: str) -> Entry:
        """Return the template of that name, slug or path.

        Raises:
            InputError: With a did-you-mean, or with the problems of the file when it is broken.
        """
        path = Path(wanted)
        if path.suffix in SUFFIXES and path.is_file():
            return self._from_file(path)
        entry = self._known(wanted)
        if entry:
            return entry
        for broken in self.broken:
            if wanted in {broken.name, broken.file.stem, broken.file.name}:
                raise self._broken_error(broken)
        if path.suffix in SUFFIXES or "/" in wanted:
            return self._from_file(path)
        known = [*self._by_slug, *self._by_name]
        hint = did_you_mean(wanted, known) or "'cws-build templates' lists what there is"
        raise InputError(f"there is no template '{wanted}'", hint=hint)

    def _known(self, wanted: str) -> Entry | None:
        named = self._by_name.get(wanted) or self._by_slug.get(wanted)
        return named or next((e for e in self.entries if wanted in {e.file.stem, e.file.name}), None)

    def _from_file(self, path: Path) -> Entry:
        if not path.is_file():
            raise InputError(f"there is no file {path}", hint="give a template's name, or the path of its file")
        item = _read(path.resolve(), strict=self.strict)
        if isinstance(item, Broken):
            raise self._broken_error(item)
        return item

    def _broken_error(self, broken: Broken) -> InputError:
        return _broken_error(broken, self.family_problems(broken))

    def lineage(self, entry: Entry) -> tuple[Template, ...]:
        """Return the template's ancestors, parents first and each once, and the template itself last.

        Parents are looked up by name, then slug; those of a template given by path also in its own folder.

        Raises:
            InputError: When a parent is missing or broken, or when templates inherit each other in a circle.
        """
        found: dict[str, Template] = {}
        _Climb(self, found).visit(entry, ())
        return tuple(found.values())

    def parent(self, name: str, child: Entry) -> Entry:
        """Return the parent ``name`` of ``child``; raises InputError."""
        found = self._parent(name, child.file)
        if found:
            return found
        message = f"{child.file}: '{child.template.name}' inherits '{name}', which does not exist"
        raise InputError(message, hint=self._parent_hint(name))

    def _parent(self, name: str, file: Path) -> Entry | None:
        """Return what a file names as a parent, None where there is no such template; raises InputError if broken."""
        named = self._by_name.get(name) or self._by_slug.get(name)
        named = named or _neighbour(name, file, strict=self.strict)
        for broken in () if named else self.broken:
            if broken.name == name:
                raise _broken_error(broken)
        return named

    def _parent_hint(self, name: str) -> str:
        return did_you_mean(name, [*self._by_name, *self._by_slug]) or "parents are named by 'name' or 'slug'"


class _Climb:
    """Walks up from a template, depth first, so that every ancestor stands before its descendants."""

    def __init__(self, catalog: Catalog, found: dict[str, Template]) -> None:
        self._catalog = catalog
        self._found = found

    def visit(self, entry: Entry, below: tuple[str, ...]) -> None:
        name = entry.template.name
        if name in below:
            raise _CircleError(entry.file, (*below[below.index(name) :], name))
        if name in self._found:
            return
        for parent in entry.template.inherits:
            self.visit(self._catalog.parent(parent, entry), (*below, name))
        self._found[name] = entry.template


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES and p.is_file())


def _neighbour(name: str, file: Path, *, strict: bool) -> Entry | None:
    """Return the template ``name`` from the folder of ``file``."""
    for path in _files(file.parent):
        item = _read(path, strict=strict)
        if isinstance(item, Broken):
            if item.name == name:
                raise _broken_error(item)
        elif name in {item.template.name, item.template.short_name}:
            return item
    return None


def _read(file: Path, *, strict: bool) -> Entry | Broken:
    try:
        reading = read_template(file.read_bytes().decode("utf-8-sig"), str(file), strict=strict)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem(str(file), line, "", "the file is not UTF-8 text", "save it as UTF-8")
        reading = Reading(None, (problem,))
    except OSError as error:
        reading = Reading(None, (Problem(str(file), 0, "", f"cannot be read: {error.strerror}"),))
    if reading.template is None:
        return Broken(reading.name, file, reading.problems, reading.parents)
    return Entry(reading.template, file, reading.problems, reading.parents)


def _broken_error(broken: Broken, more: Sequence[Problem] = ()) -> InputError:
    problems = (*broken.problems, *more)
    errors = [problem for problem in problems if problem.severity == "error"]
    count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
    hint = f"cws-build templates validate {broken.file}"
    return InputError(f"{broken.file} has {count}", hint=hint, problems=problems)
