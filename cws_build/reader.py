"""Reads one template: its YAML, its types, its meaning; every mistake at once, each with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.document import Document, load
from cws_build.errors import InputError
from cws_build.model.problem import Problem
from cws_build.model.template import Template
from cws_build.model.template_checks import check
from cws_build.model.template_finding import Finding
from cws_build.model.template_secrets import find_secrets, secrets_of
from cws_build.reader_decode import Decoder
from cws_build.reader_schema import json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["Reading", "json_schema", "read_template", "secrets_of"]

_NEEDED = ("name", "description", "base")
_SAVED = frozenset({"original_instance", "saved_from", "saved_date"})
_SAVED_MESSAGE = "this describes an AMI saved from a running instance; it is not a template"
_SAVED_HINT = "write a template with 'base: ami-based' and put the AMI id under ami_config.ami_mappings"
_STEPS_MESSAGE = "this is a file for the old AMI builder (build_steps); it is not a template"
_STEPS_HINT = "move its packages to packages.system and its scripts to post_install"


class Reading(msgspec.Struct, frozen=True):
    """What came of reading a file.

    Attributes:
        template: The template, or None when there is an error among the problems.
        problems: Errors and warnings, in the order of their lines.
        name: The name the file gives, also where the template could not be read; may be empty.
        parents: What it inherits, each with its line, also where the template has errors.
    """

    template: Template | None
    problems: tuple[Problem, ...] = ()
    name: str = ""
    parents: tuple[tuple[str, int], ...] = ()


def read_template(text: str, file: str, *, strict: bool = False) -> Reading:
    """Read a template.

    Args:
        text: The file's text.
        file: Its name, for the problems.
        strict: Whether an unknown key is an error instead of a warning.
    """
    try:
        document = load(text, file)
    except InputError as error:
        return Reading(None, _in_order([*error.problems, *_broken_saved_instance(text, file)]))
    foreign = _foreign(document)
    if foreign:
        return Reading(None, (foreign,), _name(document.data))
    decoder = Decoder(strict=strict)
    template = decoder.template(document.data)
    findings = [*decoder.findings, *_check_needed(document.data, template), *check(template)]
    problems = [*document.problems, *_placed(findings, document), *_secret_problems(text, file)]
    failed = any(problem.severity == "error" for problem in problems)
    parents = [(parent, document.line_of(("inherits", index))) for index, parent in enumerate(template.inherits)]
    return Reading(None if failed else template, _in_order(problems), _name(document.data), tuple(parents))


def _name(data: dict[str, Any]) -> str:
    name = data.get("name")
    return name if isinstance(name, str) else ""


def _check_needed(data: dict[str, Any], template: Template) -> Iterator[Finding]:
    for path, value in _needed_texts(data, template):
        if isinstance(value, str) and not value.strip():
            yield Finding(path, "must not be empty")


def _needed_texts(data: dict[str, Any], template: Template) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    for field in _NEEDED:
        yield (field,), data.get(field)
    for section, fields in (
        ("services", ("name",)),
        ("users", ("name",)),
        ("files", ("s3_bucket", "s3_key", "destination_path")),
        ("validation", ("name", "command")),
    ):
        for index, _ in enumerate(getattr(template, section)):
            item = data[section][index]
            for field in fields if isinstance(item, dict) else ():
                yield (section, index, field), item.get(field)
    for index, parent in enumerate(template.inherits):
        yield ("inherits", index), parent if data["inherits"][index] is not None else None
    config = data.get("ami_config")
    ami: dict[str, Any] = config if isinstance(config, dict) else {}
    for section, fields in (
        ("ami_search", ("owner", "name_pattern")),
        ("marketplace_search", ("product_code",)),
    ):
        found: Any = ami.get(section)
        if isinstance(found, dict):
            yield from ((("ami_config", section, field), found.get(field)) for field in fields)


def _foreign(document: Document) -> Problem | None:
    """Return the problem with a file of one of the other CloudWorkstation formats."""
    data = document.data
    if "build_steps" in data:
        return document.problem(("build_steps",), _STEPS_MESSAGE, _STEPS_HINT)
    if data.get("base") == "saved-instance" or (_SAVED & data.keys() and "packages" not in data):
        return document.problem(("base",), _SAVED_MESSAGE, _SAVED_HINT)
    return None


def _broken_saved_instance(text: str, file: str) -> Iterator[Problem]:
    """Yield what a file is that is no valid YAML: copies to further regions broke the saved-instance format."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.replace('"', "").replace("'", "").split("#")[0].split() == ["base:", "saved-instance"]:
            yield Problem(file, number, "base", _SAVED_MESSAGE, _SAVED_HINT)
            return


def _placed(findings: list[Finding], document: Document) -> Iterator[Problem]:
    for finding in findings:
        yield document.problem(finding.path, finding.message, finding.hint, warning=finding.warning)


def _secret_problems(text: str, file: str) -> Iterator[Problem]:
    lines: set[int] = set()
    for secret in find_secrets(text):
        if secret.line not in lines:
            lines.add(secret.line)
            message = f"{secret.what} stands here in plain text; it would be readable in the AMI"
            hint = "leave it out, or read it when the machine starts"
            yield Problem(file, secret.line, "", message, hint, "warning")


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.path, p.message)))
