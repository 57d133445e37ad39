"""Checks of what stands on the machine: services, users, files, ports, times, tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.model.template_finding import Finding, Path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.model.template import Template

_USER = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_GROUP = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_UNIT = re.compile(r"[A-Za-z0-9:_.@-]+")
_TYPE = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
_MODE = re.compile(r"0[0-7]{3}")
_ONLY_IF = re.compile(r"\s*arch\s*[=!]=\s*['\"]?(x86_64|arm64)['\"]?\s*")
_WELL_KNOWN = frozenset({22, 80, 443})
_DESKTOPS = {3389: "remote desktop (RDP)", 5900: "screen sharing (VNC)"}
MAX_TAG_KEY, MAX_TAG_VALUE = 128, 256
PRIVILEGED = 1024


def check_machine(template: Template) -> Iterator[Finding]:
    """Yield the mistakes in the sections that shape the machine."""
    yield from _check_services(template)
    yield from _check_users(template)
    yield from _check_files(template)
    yield from _check_instance(template)
    yield from _check_idle(template)
    yield from _check_tags(template)
    yield from _check_validation(template)
    yield from _check_research_user(template)


def _is_text(text: str) -> bool:
    """Tell whether a text is final, with no parameter in it."""
    return bool(text) and "{{" not in text


def _check_services(template: Template) -> Iterator[Finding]:
    ports: dict[int, str] = {}
    names: set[str] = set()
    for index, service in enumerate(template.services):
        path: Path = ("services", index)
        if _is_text(service.name) and not _UNIT.fullmatch(service.name):
            yield Finding((*path, "name"), f"'{service.name}' cannot be the name of a systemd unit")
        if service.name and service.name in names:
            yield Finding((*path, "name"), f"the service '{service.name}' is listed twice", warning=True)
        names.add(service.name)
        if not service.port:
            continue
        if service.port in ports:
            message = f"port {service.port} is taken by the service '{ports[service.port]}'"
            yield Finding((*path, "port"), message, "give each service its own port")
        ports.setdefault(service.port, service.name)
        if service.port < PRIVILEGED and service.port not in _WELL_KNOWN:
            yield Finding((*path, "port"), "ports below 1024 need root", "use a higher port", warning=True)


def _check_users(template: Template) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, user in enumerate(template.users):
        path: Path = ("users", index)
        if _is_text(user.name) and not _USER.fullmatch(user.name):
            hint = "start with a lower-case letter, then letters, digits, '-', '_'; 32 at most"
            yield Finding((*path, "name"), f"'{user.name}' cannot be a user's name", hint)
        if user.name and user.name in seen:
            yield Finding((*path, "name"), f"the user '{user.name}' is listed twice", "join the two entries")
        seen.add(user.name)
        if _is_text(user.shell) and not user.shell.startswith("/"):
            yield Finding((*path, "shell"), f"'{user.shell}' is no absolute path", "such as /bin/bash")
        for place, group in enumerate(user.groups):
            if _is_text(group) and not _GROUP.fullmatch(group):
                yield Finding((*path, "groups", place), f"'{group}' cannot be a group's name")


def _check_files(template: Template) -> Iterator[Finding]:
    for index, file in enumerate(template.files):
        path: Path = ("files", index)
        target = file.destination_path
        if _is_text(target) and (not target.startswith("/") or ".." in target.split("/")):
            message = f"'{target}' is no absolute path"
            yield Finding((*path, "destination_path"), message, "such as /home/researcher/data.csv")
        if file.permissions and not _MODE.fullmatch(file.permissions):
            message = f"'{file.permissions}' is not four octal digits with a leading 0"
            yield Finding((*path, "permissions"), message, "such as 0644")
        for field in ("owner", "group"):
            name = getattr(file, field)
            if _is_text(name) and not _GROUP.fullmatch(name):
                yield Finding((*path, field), f"'{name}' cannot be a user's or group's name")
        if file.only_if and not _ONLY_IF.fullmatch(file.only_if):
            message = "only a test of arch is understood; the file is fetched everywhere"
            yield Finding((*path, "only_if"), message, "such as arch == 'x86_64'", warning=True)


def _check_instance(template: Template) -> Iterator[Finding]:
    instance = template.instance_defaults
    path: Path = ("instance_defaults",)
    if instance.type and not _TYPE.fullmatch(instance.type):
        message = f"'{instance.type}' does not look like an EC2 instance type"
        yield Finding((*path, "type"), message, "such as t3.large", warning=True)
    for index, port in enumerate(instance.ports):
        if port in _DESKTOPS:
            message = f"port {port} opens {_DESKTOPS[port]} to the network"
            yield Finding((*path, "ports", index), message, "reach it through an SSH tunnel", warning=True)
    for arch, price in instance.estimated_cost_per_hour.items():
        place = (*path, "estimated_cost_per_hour", arch)
        if arch not in {"x86_64", "arm64"}:
            yield Finding(place, f"'{arch}' is no architecture", "x86_64 or arm64", warning=True)
        if price < 0:
            yield Finding(place, "a price cannot be negative")


def _check_idle(template: Template) -> Iterator[Finding]:
    idle = template.idle_detection
    if idle is None or idle.idle_threshold_minutes is None or idle.hibernate_threshold_minutes is None:
        return
    if idle.hibernate_threshold_minutes < idle.idle_threshold_minutes:
        path = ("idle_detection", "hibernate_threshold_minutes")
        message = "the machine would hibernate before it counts as idle"
        yield Finding(path, message, "make it at least idle_threshold_minutes", warning=True)


def _check_tags(template: Template) -> Iterator[Finding]:
    for key, value in template.tags.items():
        if key.lower().startswith("aws:"):
            yield Finding(("tags", key), "AWS keeps tags that start with 'aws:' to itself")
        if len(key) > MAX_TAG_KEY or len(value) > MAX_TAG_VALUE:
            message = f"AWS allows {MAX_TAG_KEY} characters in a tag's key and {MAX_TAG_VALUE} in its value"
            yield Finding(("tags", key), message, warning=True)


def _check_validation(template: Template) -> Iterator[Finding]:
    for index, step in enumerate(template.validation):
        tests = [name for name in ("success", "contains", "equals") if getattr(step, name) is not None]
        if len(tests) > 1:
            message = f"{' and '.join(tests)} exclude each other"
            yield Finding(("validation", index, tests[1]), message, "write one step for each")


def _check_research_user(template: Template) -> Iterator[Finding]:
    user = template.research_user
    if user is None:
        return
    for field in ("default_shell", "efs_mount_point"):
        path = getattr(user, field)
        if _is_text(path) and not path.startswith("/"):
            yield Finding(("research_user", field), f"'{path}' is no absolute path")
    for index, group in enumerate(user.default_groups):
        if _is_text(group) and not _GROUP.fullmatch(group):
            yield Finding(("research_user", "default_groups", index), f"'{group}' cannot be a group's name")
