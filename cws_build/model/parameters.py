"""The caller's choices, put into a template's texts.

Every value is text: ``python_version=3.10`` stays "3.10". Defaults always count, also when the caller gives
nothing. A value is checked against its parameter's type, choices, limits and pattern.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import InputError
from cws_build.model.gotemplate import expand
from cws_build.model.problem import Problem, did_you_mean
from cws_build.model.template_parts import Packages
from cws_build.model.template_secrets import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cws_build.model.template import Template
    from cws_build.model.template_parts import FileSource, Parameter, Service, User, ValidationStep

TYPES = ("string", "int", "bool", "choice")
BIND_ADDRESS = "127.0.0.1"
"""What `{{.WebInterfaceBindIP}}` stands for: a web interface answers on the machine itself only."""
_BOOL = MappingProxyType({"true": "true", "false": "false", "yes": "true", "no": "false", "on": "true", "off": "false"})
_OPERATOR = re.compile(r"(?:^|\s)[<>=!~;@#,]")
_IDLE = MappingProxyType(
    {
        "IDLE_THRESHOLD_MINUTES": ("idle_threshold_minutes", 999_999),
        "HIBERNATE_THRESHOLD_MINUTES": ("hibernate_threshold_minutes", 999_999),
        "CHECK_INTERVAL_MINUTES": ("check_interval_minutes", 60),
    }
)


def bind(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Return every name that the template's texts may use, with its value.

    Args:
        template: The effective template: its parents merged in.
        given: What the caller chose, by parameter name.

    Raises:
        InputError: With one problem for each value that is missing, unknown or wrong.
    """
    problems = [_unknown(name, template) for name in given if name not in template.parameters]
    values = dict(template.variables)
    for name, parameter in template.parameters.items():
        text = given.get(name, parameter.default)
        if text is None:
            if parameter.required:
                hint = f"give it with --param {name}=VALUE"
                problems.append(Problem(template.name, 0, f"parameters.{name}", "a value is required", hint))
            values[name] = "false" if parameter.type == "bool" else ""
            continue
        values[name] = canonical(text, parameter)
        wrong = value_problem(text, parameter, name)
        if wrong:
            hint = _value_hint(name, text, parameter)
            problems.append(Problem(template.name, 0, f"parameters.{name}", wrong, hint))
    if problems:
        count = len(problems)
        what = str(problems[0].message) if count == 1 else f"{count} parameters are wrong"
        place = f"parameter {problems[0].path.removeprefix('parameters.')}: " if count == 1 else ""
        raise InputError(f"{template.name}: {place}{what}", hint=problems[0].hint, problems=problems)
    return values


def _unknown(name: str, template: Template) -> Problem:
    known = ", ".join(template.parameters) or "none"
    hint = did_you_mean(name, template.parameters) or f"this template's parameters: {known}"
    return Problem(template.name, 0, f"parameters.{name}", "the template has no such parameter", hint)


def _value_hint(name: str, text: str, parameter: Parameter) -> str:
    example = parameter.choices[0] if parameter.choices else "VALUE"
    return did_you_mean(text, parameter.choices) or f"give another with --param {name}={example}"


def canonical(text: str, parameter: Parameter) -> str:
    """Return the value as texts see it: a truth value as ``true`` or ``false``, anything else as it stands."""
    return _BOOL.get(text.strip().lower(), text) if parameter.type == "bool" else text


def value_problem(text: str, parameter: Parameter, name: str) -> str:
    """Return what is wrong with a value of the parameter ``name``, or an empty text; never shows a secret."""
    shown = "the value" if is_secret_name(name) else f"'{text}'"
    wrong = _problem(text, parameter)
    return f"{shown} {wrong}" if wrong else ""


def _problem(text: str, parameter: Parameter) -> str:
    if parameter.type == "bool" and text.strip().lower() not in _BOOL:
        return "is neither true nor false"
    if parameter.type == "int":
        wrong = _int_problem(text, parameter)
        if wrong:
            return wrong
    if parameter.choices and canonical(text, parameter) not in {canonical(c, parameter) for c in parameter.choices}:
        return f"is not one of {', '.join(parameter.choices)}"
    return _pattern_problem(text, parameter)


def _int_problem(text: str, parameter: Parameter) -> str:
    if not re.fullmatch(r"[-+]?\d{1,18}", text.strip()):
        return "is not a whole number"
    number = int(text)
    if parameter.min is not None and number < parameter.min:
        return f"is less than {parameter.min:g}"
    if parameter.max is not None and number > parameter.max:
        return f"is more than {parameter.max:g}"
    return ""


def _pattern_problem(text: str, parameter: Parameter) -> str:
    if not parameter.pattern:
        return ""
    try:
        fits = re.search(parameter.pattern, text)
    except re.error:
        return ""  # reported where the template is read
    return "" if fits else f"does not match {parameter.pattern}"


def machine_names(template: Template) -> dict[str, str]:
    """Return the names that texts may use besides parameters and variables, with their values."""
    idle = template.idle_detection
    found = {"WebInterfaceBindIP": BIND_ADDRESS}
    for name, (field, default) in _IDLE.items():
        value = getattr(idle, field) if idle else None
        found[name] = str(default if value is None else value)
    return found


def apply(template: Template, values: Mapping[str, str]) -> Template:
    """Return the template with ``values`` (see ``bind``) put into its texts.

    Names that nobody defined stay as they stand. Entries of package lists that become empty are dropped, and
    one that becomes several words becomes several packages.
    """
    known = {**machine_names(template), **values}

    def text(raw: str) -> str:
        return expand(raw, known).text

    packages = template.packages
    return msgspec.structs.replace(
        template,
        description=text(template.description),
        long_description=text(template.long_description),
        packages=Packages(
            **{name: tuple(_packages(getattr(packages, name), known)) for name in Packages.__struct_fields__}
        ),
        services=tuple(_service(service, known) for service in template.services),
        users=tuple(_user(user, known) for user in template.users),
        files=tuple(_file(file, known) for file in template.files),
        validation=tuple(_step(step, known) for step in template.validation),
        post_install=text(template.post_install),
        user_data=text(template.user_data),
        ami_config=template.ami_config
        and msgspec.structs.replace(template.ami_config, user_data_script=text(template.ami_config.user_data_script)),
    )


def _packages(entries: tuple[str, ...], known: Mapping[str, str]) -> Iterator[str]:
    for entry in entries:
        text = expand(entry, known).text
        if text == entry:
            yield entry
        elif _OPERATOR.search(text):
            yield text.strip()
        else:
            yield from text.split()


def _all(texts: tuple[str, ...], known: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(expand(text, known).text for text in texts)


def _service(service: Service, known: Mapping[str, str]) -> Service:
    name = expand(service.name, known).text
    return msgspec.structs.replace(service, name=name, config=_all(service.config, known))


def _user(user: User, known: Mapping[str, str]) -> User:
    name, shell = _all((user.name, user.shell), known)
    groups = tuple(group for group in _all(user.groups, known) if group)
    return msgspec.structs.replace(user, name=name, groups=groups, shell=shell)


def _file(file: FileSource, known: Mapping[str, str]) -> FileSource:
    fields = ("s3_bucket", "s3_key", "destination_path", "owner", "group")
    return msgspec.structs.replace(file, **{f: expand(getattr(file, f), known).text for f in fields})


def _step(step: ValidationStep, known: Mapping[str, str]) -> ValidationStep:
    return msgspec.structs.replace(step, command=expand(step.command, known).text)
