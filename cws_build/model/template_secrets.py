"""Passwords, tokens and keys that stand in plain text where they do not belong.

A secret is found by the words around it; what is found is never printed, only its line. Values that are
looked up when the script runs (``$PASSWORD``, ``{{.password}}``, ``$(...)``) are no secrets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cws_build.model.template import Template


class Secret(msgspec.Struct, frozen=True):
    """One secret in a text: its line, counted from 1, what it seems to be, and the secret itself."""

    line: int
    what: str
    value: str


_VALUE = r"""(?P<quote>["']?)(?P<secret>[^\s"'`;|&()<>]{1,200})(?P=quote)"""
_PLAIN_VALUE = _VALUE.replace("<>]", "<>,}]")
_WORDS = r"(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|pass)"
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN (?P<secret>[A-Z ]*PRIVATE KEY)-----")),
    ("an AWS access key id", re.compile(r"\b(?P<secret>(?:AKIA|ASIA)[0-9A-Z]{16})\b")),
    (
        "an access token",
        re.compile(
            r"\b(?P<secret>gh[opsu]_[0-9A-Za-z]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|hf_[0-9A-Za-z]{30,}"
            r"|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|pypi-[\w-]{30,})"
        ),
    ),
    (
        "a password",
        re.compile(r"""["']?[\w.{}$-]{1,64}:(?P<secret>[^\s:"'|]{1,200})["']?\s*\|\s*(?:sudo\s+)?chpasswd"""),
    ),
    ("a password", re.compile(r"""chpasswd\s*<<<\s*["']?[\w.{}$-]+:(?P<secret>[^\s"']+)""")),
    ("a password", re.compile(r"""["'](?P<secret>[^\s"']+)["']?\s*\|\s*(?:sudo\s+)?passwd\s+--stdin""")),
    ("a password in an address", re.compile(r"://[^\s/:@]+:(?P<secret>[^\s/@]+)@")),
    ("a password", re.compile(rf"--(?:{_WORDS})[= ]{_VALUE}", re.IGNORECASE)),
    (
        "a password or token",
        re.compile(rf"(?:^|[\s\"'.;({{-])[\w.-]{{0,60}}{_WORDS}[A-Za-z_]{{0,40}}\s*=\s*{_VALUE}", re.IGNORECASE),
    ),
    (
        "a password or token",
        re.compile(
            rf"(?:^|[\s{{,])[\"']?[\w-]{{0,60}}{_WORDS}[\"']?\s*:\s+{_PLAIN_VALUE}\s*(?:[,}}].*|#.*)?$", re.IGNORECASE
        ),
    ),
)
_TRIGGER = re.compile(
    r"pass|secret|token|key|AKIA|ASIA|gh[opsu]_|github_pat_|glpat-|hf_|xox|sk-|pypi-|://", re.IGNORECASE
)
"""Cheap to look for: a line without any of these holds nothing that a rule could find."""
_NO_SECRET = re.compile(
    r"^(?:\$.*|.*\{\{.*|%.*|<.*|\*+|x{3,}|true|false|yes|no|on|off|none|null|~|string|int|bool|choice|optional"
    r"|required|/.*|[|>][-+]?|\[.*|\{.*|\d|os\..*)$",
    re.IGNORECASE,
)
_HEREDOC = re.compile(r"chpasswd\s*<<-?\s*[\"']?(?P<end>\w+)[\"']?\s*$")
_ACCOUNT = re.compile(r"^\s*[\w.-]+:(?P<secret>\S+)\s*$")


def find_secrets(text: str) -> Iterator[Secret]:
    """Yield the secrets of ``text``, each line's first of each kind, in the order of the lines."""
    end = ""
    for number, line in enumerate(text.splitlines(), 1):
        if end:
            account = _ACCOUNT.match(line)
            end = "" if line.strip() == end else end
            if end and account and not _NO_SECRET.match(account["secret"]):
                yield Secret(number, "a password", account["secret"])
            continue
        if not _TRIGGER.search(line):
            continue
        yield from _in_line(number, line)
        heredoc = _HEREDOC.search(line)
        end = heredoc["end"] if heredoc else ""


def _in_line(number: int, line: str) -> Iterator[Secret]:
    seen: set[str] = set()
    for what, rule in _RULES:
        for match in rule.finditer(line):
            value = match["secret"]
            if value not in seen and not _NO_SECRET.match(value):
                seen.add(value)
                yield Secret(number, what, value)


def secrets_of(template: Template, values: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the literal secrets of a template, longest first, for whoever must keep them out of logs.

    Args:
        template: A template, with or without its parameters applied.
        values: What its parameters and variables are bound to; those with a secret's name count.
    """
    found = {secret.value for text in _texts(template) for secret in find_secrets(text)}
    for name, parameter in template.parameters.items():
        if is_secret_name(name) and parameter.default:
            found.add(parameter.default)
    named = {**template.variables, **(values or {})}
    found |= {value for name, value in named.items() if is_secret_name(name) and value}
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def is_secret_name(name: str) -> bool:
    """Tell whether a parameter or variable of that name holds a secret, such as ``db_password``."""
    return bool(re.search(r"password|passwd|passphrase|secret|token|api_?key|private_?key", name, re.IGNORECASE))


def _texts(template: Template) -> Iterator[str]:
    yield from (template.post_install, template.user_data, template.description, template.long_description)
    for service in template.services:
        yield from service.config
    yield from (step.command for step in template.validation)
    if template.ami_config:
        yield template.ami_config.user_data_script
