"""Checks of ``ami_config``: ids, regions, searches, and whether the parts fit each other."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from cws_build.model.problem import did_you_mean
from cws_build.model.template_finding import Finding, Path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.model.template import Template
    from cws_build.model.template_ami import AmiConfig, AmiSearch

_PLACES = {
    "us": ("east-1", "east-2", "west-1", "west-2", "gov-east-1", "gov-west-1"),
    "ca": ("central-1", "west-1"),
    "mx": ("central-1",),
    "sa": ("east-1",),
    "eu": ("west-1", "west-2", "west-3", "central-1", "central-2", "north-1", "south-1", "south-2"),
    "ap": (
        *("east-1", "east-2", "south-1", "south-2", "northeast-1", "northeast-2", "northeast-3"),
        *(f"southeast-{number}" for number in range(1, 8)),
    ),
    "af": ("south-1",),
    "il": ("central-1",),
    "me": ("central-1", "south-1"),
    "cn": ("north-1", "northwest-1"),
}
REGIONS = frozenset(f"{continent}-{place}" for continent, places in _PLACES.items() for place in places)
"""For did-you-mean only: a region that is not listed here but looks like one is a warning, no error."""
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)?-((north|south)?(east|west)?|central)-\d{1,2}")
_AMI = re.compile(r"ami-[a-f0-9]{8,17}")
_OWNER = re.compile(r"\d{12}|self|amazon|aws-marketplace|aws-backup-vault")
_CONSTRAINT = re.compile(r"(>=|>|<=|<|=)?\d+\.\d+\.\d+")
_DURATION = re.compile(r"[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")
_FAMILY = re.compile(r"[a-z]+\d+[a-z0-9-]*")
_INSTANCE_TYPE = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")


def check_ami(template: Template) -> Iterator[Finding]:
    """Yield the mistakes of ``ami_config``."""
    config = template.ami_config
    if config is None:
        if template.base == "ami-based" and not template.inherits:
            hint = "give ami_config, or a distribution as base"
            message = "an AMI-based template without ami_config has nothing to start from"
            yield Finding(("base",), message, hint, warning=True)
        return
    yield from _check_ids(config)
    yield from _check_texts(config)
    if config.ami_search:
        yield from _check_search(config.ami_search)
    yield from _check_whole(template, config)


def _check_ids(config: AmiConfig) -> Iterator[Finding]:
    ids: list[tuple[Path, str]] = [(("ami_mappings", r), ami) for r, ami in config.ami_mappings.items()]
    for region, by_arch in config.amis.items():
        ids += [(("amis", region, arch), ami) for arch, ami in by_arch.items()]
    regions: dict[str, str] = {}
    repeated: set[str] = set()
    for path, ami in ids:
        place = ("ami_config", *path)
        if not _AMI.fullmatch(ami):
            yield Finding(place, f"'{ami}' is no AMI id", "ami- and 8 to 17 hexadecimal digits")
        elif regions.setdefault(ami, str(path[1])) != path[1] and ami not in repeated:
            repeated.add(ami)
            message = f"{ami} stands for {regions[ami]} as well; an AMI id belongs to one region"
            yield Finding(place, message, "copy the AMI and name the copy", warning=True)
    for field in ("ami_mappings", "amis"):
        for region in getattr(config, field):
            yield from _check_region(region, ("ami_config", field, region))


def _check_region(region: str, path: Path) -> Iterator[Finding]:
    if region not in REGIONS:
        hint = did_you_mean(region, REGIONS)
        yield Finding(path, f"unknown region '{region}'", hint, warning=bool(_REGION.fullmatch(region)))


def _check_texts(config: AmiConfig) -> Iterator[Finding]:
    if config.fallback_timeout and not _DURATION.fullmatch(config.fallback_timeout):
        message = f"'{config.fallback_timeout}' is no duration"
        yield Finding(("ami_config", "fallback_timeout"), message, "such as 10m or 1h30m")
    for index, family in enumerate(config.instance_family_preference):
        if family and not _FAMILY.fullmatch(family):
            place: Path = ("ami_config", "instance_family_preference", index)
            yield Finding(place, f"'{family}' is no instance family", "such as t4g or m6i")
    for arch, name in config.instance_types.items():
        if not _INSTANCE_TYPE.fullmatch(name):
            path = ("ami_config", "instance_types", arch)
            yield Finding(path, f"'{name}' does not look like an EC2 instance type", "such as t3.large")
    search = config.marketplace_search
    if search and search.version_constraint and not _CONSTRAINT.fullmatch(search.version_constraint):
        message = f"'{search.version_constraint}' is no version constraint"
        yield Finding(("ami_config", "marketplace_search", "version_constraint"), message, "such as >=2.1.0")


def _check_search(search: AmiSearch) -> Iterator[Finding]:
    path: Path = ("ami_config", "ami_search")
    if search.owner and not _OWNER.fullmatch(search.owner):
        message = f"'{search.owner}' is no AWS account id or owner alias; EC2 finds nothing under it"
        hint = "write the 12 digits of the account, self, amazon or aws-marketplace"
        yield Finding((*path, "owner"), message, hint, warning=True)
    if search.min_creation_date:
        try:
            dt.date.fromisoformat(search.min_creation_date)
        except ValueError:
            message = f"'{search.min_creation_date}' is no date"
            yield Finding((*path, "min_creation_date"), message, "such as 2026-01-31")


def _check_whole(template: Template, config: AmiConfig) -> Iterator[Finding]:
    methods = (config.ami_mappings, config.amis, config.ami_search, config.marketplace_search)
    if config.strategy == "ami_required" and not any(methods) and not template.inherits:
        hint = "give ami_mappings, ami_search or marketplace_search"
        yield Finding(("ami_config", "strategy"), "ami_required, but nothing says which AMI", hint)
    if config.strategy == "ami_required" and template.package_manager not in {"", "ami"}:
        message = f"with ami_required, '{template.package_manager}' never installs anything"
        yield Finding(("package_manager",), message, "use ami_preferred, or drop it")
    if config.ami_mappings and not config.ssh_user:
        message = "ami_mappings without ssh_user: the login name is guessed from the AMI's name"
        yield Finding(("ami_config", "ami_mappings"), message, "add ssh_user", warning=True)
