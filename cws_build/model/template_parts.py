"""The parts of a template that say what stands on the machine: packages, services, users, files."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Port = Annotated[int, Meta(ge=1, le=65535)]
Minutes = Annotated[int, Meta(ge=0)]


class Packages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to install, by package manager. Every list is honoured, whatever `package_manager` says."""

    system: Annotated[tuple[str, ...], Meta(description="Packages of the distribution (apt or dnf).")] = ()
    conda: Annotated[tuple[str, ...], Meta(description="Conda packages, such as `python=3.11`.")] = ()
    spack: Annotated[tuple[str, ...], Meta(description="Spack specs.")] = ()
    pip: Annotated[tuple[str, ...], Meta(description="Python requirements, as pip reads them.")] = ()


class Service(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A systemd service that runs on the machine."""

    name: Annotated[str, Meta(description="The service's name, such as `jupyter` or `rstudio-server`.")]
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)] | None,
        Meta(description="The TCP port on which it answers; 0 or absent for none."),
    ] = None
    config: Annotated[tuple[str, ...], Meta(description="Lines for the service's own configuration file.")] = ()
    enable: Annotated[
        bool | None,
        Meta(description="Start at boot. Absent: yes for a service with a port, no for one without."),
    ] = None

    @property
    def enabled(self) -> bool:
        """Whether it starts at boot: what `enable` says, else whether it has a port."""
        return bool(self.port) if self.enable is None else self.enable


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A login account. Accounts have no password: people log in with SSH keys."""

    name: Annotated[str, Meta(description="The login name: lower-case letters, digits, `-`, `_`.")]
    groups: Annotated[tuple[str, ...], Meta(description="Groups that the account joins.")] = ()
    shell: Annotated[str, Meta(description="Its login shell; `/bin/bash` when absent.")] = ""


class FileSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that is fetched from Amazon S3."""

    s3_bucket: Annotated[str, Meta(description="The bucket's name.")]
    s3_key: Annotated[str, Meta(description="The object's key.")]
    destination_path: Annotated[str, Meta(description="Absolute path on the machine.")]
    owner: Annotated[str, Meta(description="Owner of the file; root when absent.")] = ""
    group: Annotated[str, Meta(description="Group of the file; the owner's when absent.")] = ""
    permissions: Annotated[str, Meta(description="Four octal digits, such as `0644`.")] = ""
    checksum: Annotated[bool | None, Meta(description="Compare the file with S3's checksum. Absent: yes.")] = None
    auto_cleanup: Annotated[bool | None, Meta(description="Delete the object once it is fetched.")] = None
    required: Annotated[bool | None, Meta(description="Fail when the object cannot be fetched. Absent: yes.")] = None
    only_if: Annotated[str, Meta(description="Fetch only where this holds, such as `arch == 'x86_64'`.")] = ""
    description: Annotated[str, Meta(description="What the file is, for people.")] = ""


class IdleDetection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an unused machine is reported as idle and put to sleep. Times in minutes."""

    enabled: Annotated[bool | None, Meta(description="Watch for idleness. Absent: no.")] = None
    idle_threshold_minutes: Annotated[Minutes | None, Meta(description="Idle after this long.")] = None
    hibernate_threshold_minutes: Annotated[Minutes | None, Meta(description="Hibernate after this long.")] = None
    check_interval_minutes: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Look this often.")] = None


class InstanceDefaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The instance a launch asks for when the caller names none."""

    type: Annotated[str, Meta(description="EC2 instance type, such as `t3.large`.")] = ""
    ports: Annotated[tuple[Port, ...], Meta(description="TCP ports to open.")] = ()
    root_volume_gb: Annotated[
        Annotated[int, Meta(ge=1, le=65536)] | None, Meta(description="Root volume in GB. Absent: 20.")
    ] = None
    estimated_cost_per_hour: Annotated[
        dict[str, float], Meta(description="Architecture to USD per hour; shown to people only.")
    ] = {}


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that the caller may choose. Stands in texts as `{{.name}}`."""

    name: Annotated[str, Meta(description="The parameter's name; the key counts when absent.")] = ""
    description: Annotated[str, Meta(description="What it does, for people.")] = ""
    type: Annotated[str, Meta(description="`string`, `int`, `bool` or `choice`. Absent: string.")] = ""
    default: Annotated[str | None, Meta(description="The value when the caller gives none.")] = None
    choices: Annotated[tuple[str, ...], Meta(description="The allowed values.")] = ()
    min: Annotated[float | None, Meta(description="Smallest value of an `int`.")] = None
    max: Annotated[float | None, Meta(description="Largest value of an `int`.")] = None
    pattern: Annotated[str, Meta(description="A regular expression that the value must contain.")] = ""
    required: Annotated[bool | None, Meta(description="The caller must give it, unless it has a default.")] = None
    display_name: Annotated[str, Meta(description="The name that people see.")] = ""
    group: Annotated[str, Meta(description="Heading under which it is shown.")] = ""
    order: Annotated[int | None, Meta(description="Position under its heading.")] = None
    hidden: Annotated[bool | None, Meta(description="Not shown to people.")] = None
    conditional: Annotated[str, Meta(description="Shown only where this holds.")] = ""
    impact: Annotated[str, Meta(description="What a change costs, for people.")] = ""


class ValidationStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that must hold on a finished machine. With none of the three tests it must exit with 0."""

    name: Annotated[str, Meta(description="What is checked, for people.")]
    command: Annotated[str, Meta(description="A shell command, run by root in a login shell.")]
    success: Annotated[bool | None, Meta(description="Whether it must exit with 0, or must not.")] = None
    contains: Annotated[str | None, Meta(description="Text that its output, or its error output, must contain.")] = None
    equals: Annotated[str | None, Meta(description="Text that its trimmed output must be.")] = None
