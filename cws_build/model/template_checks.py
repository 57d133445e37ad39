"""What a template must say to make sense, beyond the types of its fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.model.base import base_hint, known_base
from cws_build.model.problem import did_you_mean
from cws_build.model.template import slug_of
from cws_build.model.template_checks_ami import check_ami
from cws_build.model.template_checks_machine import check_machine
from cws_build.model.template_checks_parameters import check_parameters
from cws_build.model.template_finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.model.template import Template

PACKAGE_MANAGERS = ("apt", "dnf", "conda", "spack", "ami", "pip")
_WORDS = {
    "complexity": ("simple", "moderate", "advanced", "complex"),
    "connection_type": ("auto", "dcv", "ssh", "web", "all", "both"),
    "validation_status": (
        *("validated", "testing", "experimental", "failed"),
        *("valid", "invalid", "unknown"),
    ),
}
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TIME = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([Tt ]\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?\s*([Zz]|[-+]\d{1,2}(:?\d{2})?)?)?")


def check(template: Template) -> Iterator[Finding]:
    """Yield every mistake of meaning in a template, errors and warnings."""
    yield from _check_identity(template)
    yield from _check_words(template)
    yield from _check_parents(template)
    yield from _check_packages(template)
    yield from check_machine(template)
    yield from check_ami(template)
    yield from check_parameters(template)


def _check_identity(template: Template) -> Iterator[Finding]:
    if template.slug and not _SLUG.fullmatch(template.slug):
        hint = f"write it as '{slug_of(template.slug)}'"
        message = f"'{template.slug}' holds more than lower-case letters, digits and single dashes"
        yield Finding(("slug",), message, hint, warning=True)
    if template.base and known_base(template.base) is None:
        yield Finding(("base",), f"unknown base '{template.base}'", base_hint(template.base))
    if template.last_updated and not _TIME.fullmatch(template.last_updated):
        message = f"'{template.last_updated}' is no RFC 3339 time"
        yield Finding(("last_updated",), message, "write it as 2026-01-31T12:00:00Z")


def _check_words(template: Template) -> Iterator[Finding]:
    for field, words in _WORDS.items():
        value = getattr(template, field)
        if value and value not in words:
            hint = did_you_mean(value, words) or f"known: {', '.join(words)}"
            yield Finding((field,), f"'{value}' is not a known word", hint, warning=True)
    if template.package_manager and template.package_manager not in PACKAGE_MANAGERS:
        hint = did_you_mean(template.package_manager, PACKAGE_MANAGERS)
        message = f"'{template.package_manager}' is not one of {', '.join(PACKAGE_MANAGERS)}"
        yield Finding(("package_manager",), message, hint)


def _check_parents(template: Template) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, parent in enumerate(template.inherits):
        if parent and parent in {template.name, template.short_name}:
            yield Finding(("inherits", index), "a template cannot inherit itself")
        elif parent in seen:
            yield Finding(("inherits", index), f"'{parent}' is named twice", warning=True)
        seen.add(parent)


def _check_packages(template: Template) -> Iterator[Finding]:
    manager, packages = template.package_manager, template.packages
    for kind in packages.__struct_fields__:
        for index, entry in enumerate(getattr(packages, kind)):
            if not entry.strip() or "\n" in entry.strip() or entry.startswith("-"):
                yield Finding(("packages", kind, index), "is not the name of a package")
    others = {"apt": ("conda", "spack"), "dnf": ("conda", "spack"), "ami": ("system", "conda", "spack")}
    for kind in others.get(manager, ()):
        if getattr(packages, kind):
            message = f"the '{manager}' package manager does not install these; they are installed all the same"
            yield Finding(("packages", kind), message, "leave 'package_manager' empty", warning=True)
