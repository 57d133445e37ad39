"""Checks of parameters, variables, and of the texts that use them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.model.gotemplate import expand, names
from cws_build.model.parameters import TYPES, machine_names, value_problem
from cws_build.model.problem import did_you_mean
from cws_build.model.template_finding import Finding, Path
from cws_build.model.template_secrets import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.model.template import Template
    from cws_build.model.template_parts import Parameter

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def check_parameters(template: Template) -> Iterator[Finding]:
    """Yield the mistakes in parameters and variables, and names in texts that look misspelt."""
    for key, parameter in template.parameters.items():
        yield from _check_parameter(key, parameter)
        if is_secret_name(key) and parameter.default:
            message = "a secret with a default value is known to everybody who reads the template"
            yield Finding(("parameters", key, "default"), message, "make it required", warning=True)
        if key in template.variables:
            message = "a variable has the same name; the parameter's value counts"
            yield Finding(("parameters", key), message, warning=True)
    for key, value in template.variables.items():
        if is_secret_name(key) and value:
            message = "a secret among the variables is known to everybody who reads the template"
            yield Finding(("variables", key), message, "make it a required parameter", warning=True)
        if not _NAME.fullmatch(key):
            yield Finding(("variables", key), f"'{key}' cannot stand in a text", "letters, digits and '_' only")
    yield from _check_uses(template)


def _check_parameter(key: str, parameter: Parameter) -> Iterator[Finding]:
    path: Path = ("parameters", key)
    if not _NAME.fullmatch(key):
        yield Finding(path, f"'{key}' cannot stand in a text", "letters, digits and '_' only")
    if parameter.name and parameter.name != key:
        message = f"the name '{parameter.name}' differs from the key '{key}'; the key counts"
        yield Finding((*path, "name"), message, warning=True)
    if parameter.type and parameter.type not in TYPES:
        hint = did_you_mean(parameter.type, TYPES)
        yield Finding((*path, "type"), f"'{parameter.type}' is not one of {', '.join(TYPES)}", hint)
    if parameter.type == "choice" and not parameter.choices:
        yield Finding(path, "a choice needs choices", "add 'choices: [...]'")
    yield from _check_limits(path, parameter)
    wrong = "" if parameter.default is None else value_problem(parameter.default, parameter, key)
    if wrong:
        yield Finding((*path, "default"), wrong)


def _check_limits(path: Path, parameter: Parameter) -> Iterator[Finding]:
    if parameter.min is not None and parameter.max is not None and parameter.min > parameter.max:
        yield Finding((*path, "min"), f"min {parameter.min:g} is more than max {parameter.max:g}")
    for field in ("min", "max"):
        if getattr(parameter, field) is not None and parameter.type != "int":
            yield Finding((*path, field), "only an int has limits; it is ignored", warning=True)
    try:
        re.compile(parameter.pattern)
    except re.error as error:
        yield Finding((*path, "pattern"), f"not a regular expression: {error}")


def _check_uses(template: Template) -> Iterator[Finding]:
    known = {**machine_names(template), **template.variables, **dict.fromkeys(template.parameters, "")}
    for path, text in texts(template):
        if "{{" not in text:
            continue
        for name in names(text):
            hint = "" if name in known else did_you_mean(name, known)
            if hint:
                yield Finding(path, f"nothing is named '{name}'; its braces stay as they stand", hint, warning=True)
        error = expand(text, known).error
        if error and template.parameters:
            message = f"{error}; only plain names are replaced in this text"
            yield Finding(path, message, "check the 'if' and 'end' actions", warning=True)


def texts(template: Template) -> Iterator[tuple[Path, str]]:
    """Yield the texts in which parameters count, with their places."""
    for field in ("description", "long_description", "post_install", "user_data"):
        yield (field,), getattr(template, field)
    for kind in template.packages.__struct_fields__:
        for index, entry in enumerate(getattr(template.packages, kind)):
            yield ("packages", kind, index), entry
    for index, service in enumerate(template.services):
        yield ("services", index, "name"), service.name
        for line, text in enumerate(service.config):
            yield ("services", index, "config", line), text
    for index, user in enumerate(template.users):
        yield ("users", index, "name"), user.name
    for index, step in enumerate(template.validation):
        yield ("validation", index, "command"), step.command
