"""Template + parameters + architecture -> recipe."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.catalog import Catalog
from cws_build.errors import InputError
from cws_build.model.base import Base, find_base
from cws_build.model.inheritance import merge
from cws_build.model.layers import layers_of
from cws_build.model.parameters import apply, bind
from cws_build.model.recipe import Recipe, chain, root_digest
from cws_build.model.template import Template
from cws_build.reader import secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cws_build.library import Library

ARCHITECTURES = ("x86_64", "arm64")


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe, and what it was compiled from."""

    template: Template
    """The effective template: parents merged in, parameters filled in."""
    base: Base
    recipe: Recipe
    secrets: tuple[str, ...]
    """Texts of the template that must not be printed."""


def compile_template(
    library: Library, name: str, parameters: Mapping[str, str], *, architecture: str = "", version: str = ""
) -> Compiled:
    """Compile a template.

    Args:
        library: Where templates and roles are looked up.
        name: A template's name or slug, or the path of a file.
        parameters: Values for its parameters, as text.
        architecture: ``x86_64`` or ``arm64``; empty for the template's preference.
        version: Replaces the version that the template states.

    Raises:
        InputError: With every mistake found in the template, its parents or the parameters.
    """
    catalog = _catalog(library)
    lineage = catalog.lineage(catalog.find(name))
    merged = merge(lineage)
    values = bind(merged, parameters)
    template = apply(merged, values)
    base = find_base(template.base)
    _check_bases(lineage, base)
    arch = _architecture(template, architecture)
    specs = layers_of([apply(ancestor, values) for ancestor in lineage], base, arch)
    root = root_digest(base.name, arch)
    recipe = Recipe(
        template=template.short_name,
        name=template.name,
        description=template.description,
        version=version or template.version or "0.0.0",
        base=base.name,
        architecture=arch,
        root=root,
        layers=chain(root, [(spec, library.role_digest(spec.role)) for spec in specs]),
    )
    return Compiled(template=template, base=base, recipe=recipe, secrets=secrets_of(template, values))


def effective_template(library: Library, name: str) -> Template | None:
    """Return a template with its parents merged in, as far as it is known here; None for one that is not, or broken."""
    catalog = _catalog(library)
    try:
        return merge(catalog.lineage(catalog.find(name))) if name else None
    except InputError:
        return None


@functools.lru_cache(maxsize=4)
def _catalog(library: Library) -> Catalog:
    """Read a library's templates once, like its roles: it lives as long as the process that reads it."""
    return Catalog.load(library.parts("templates"))


def _check_bases(lineage: Sequence[Template], base: Base) -> None:
    """Refuse what the roles cannot do, before anything is started."""
    if base.family == "alpine":
        raise InputError(
            f"{lineage[-1].short_name}: the base {base.name} has no systemd, which the roles need",
            hint="choose debian, ubuntu, rocky, rhel or amazonlinux",
        )
    for parent in lineage[:-1]:
        other = find_base(parent.base)
        if "ami" not in {other.family, base.family} and other.family != base.family:
            raise InputError(
                f"{lineage[-1].short_name} stands on {base.name}, and its parent {parent.short_name} on {other.name}:"
                " their packages have different names",
                hint="give both a base of the same family",
            )


def _architecture(template: Template, wanted: str) -> str:
    if wanted and wanted not in ARCHITECTURES:
        raise InputError(f"'{wanted}' is not an architecture", hint=f"one of {', '.join(ARCHITECTURES)}")
    preferred = template.ami_config.preferred_architecture if template.ami_config else None
    return wanted or preferred or ARCHITECTURES[0]
