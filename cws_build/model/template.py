"""A template: an environment described in YAML, as the CloudWorkstation format has it.

Texts keep the text of the YAML scalar (`1.10` stays "1.10"). A truth value or number that the file does not
give is None, so that inheritance can tell "not said" from "no". The guide to the format is docs/templates.md.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from cws_build.model.template_ami import AmiConfig
from cws_build.model.template_market import Marketplace
from cws_build.model.template_parts import (
    FileSource,
    IdleDetection,
    InstanceDefaults,
    Packages,
    Parameter,
    Service,
    User,
    ValidationStep,
)
from cws_build.model.template_research import ResearchUser


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CloudWorkstation template."""

    name: Annotated[str, Meta(description="The name that people see; unique among templates.")]
    slug: Annotated[str, Meta(description="Short name for commands; made from the name when absent.")] = ""
    description: Annotated[str, Meta(description="One line: what the environment is for.")]
    long_description: Annotated[str, Meta(description="A paragraph or more, for people.")] = ""
    base: Annotated[str, Meta(description="The distribution it starts from, or `ami-based`.")]
    inherits: Annotated[tuple[str, ...], Meta(description="Parents by name or slug; what they say comes first.")] = ()
    complexity: Annotated[str, Meta(description="`simple`, `moderate`, `advanced` or `complex`.")] = ""
    category: Annotated[str, Meta(description="Heading under which it is listed.")] = ""
    domain: Annotated[str, Meta(description="Field of work, such as `ml` or `bio`.")] = ""
    icon: Annotated[str, Meta(description="An emoji or the name of an icon.")] = ""
    color: Annotated[str, Meta(description="Colour as `#rrggbb`.")] = ""
    popular: Annotated[bool | None, Meta(description="Shown with a badge.")] = None
    featured: Annotated[bool | None, Meta(description="Shown first.")] = None
    connection_type: Annotated[
        str, Meta(description="How people reach it: `auto`, `dcv`, `ssh`, `web`, `all` or `both`.")
    ] = ""
    package_manager: Annotated[
        str, Meta(description="The leading package manager: `apt`, `dnf`, `conda`, `spack`, `ami`, `pip`.")
    ] = ""
    packages: Annotated[Packages, Meta(description="What to install.")] = Packages()
    ami_config: Annotated[AmiConfig | None, Meta(description="Ready-made AMIs for this template.")] = None
    services: Annotated[tuple[Service, ...], Meta(description="Services that run on the machine.")] = ()
    users: Annotated[tuple[User, ...], Meta(description="Login accounts.")] = ()
    post_install: Annotated[str, Meta(description="Shell text, run as root once all is installed.")] = ""
    files: Annotated[tuple[FileSource, ...], Meta(description="Files fetched from Amazon S3.")] = ()
    user_data: Annotated[str, Meta(description="Shell text, run as root besides everything else.")] = ""
    idle_detection: Annotated[IdleDetection | None, Meta(description="When an unused machine is put to sleep.")] = None
    instance_defaults: Annotated[InstanceDefaults, Meta(description="The instance a launch asks for.")] = (
        InstanceDefaults()
    )
    estimated_launch_time: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="Minutes, as its author guessed; shown only.")
    ] = None
    prerequisites: Annotated[tuple[str, ...], Meta(description="What people should know before.")] = ()
    learning_resources: Annotated[tuple[str, ...], Meta(description="Where to read on.")] = ()
    parameters: Annotated[dict[str, Parameter], Meta(description="Values that the caller may choose.")] = {}
    variables: Annotated[dict[str, str], Meta(description="Constants for texts, as `{{.NAME}}`.")] = {}
    research_user: Annotated[ResearchUser | None, Meta(description="The research user.")] = None
    version: Annotated[str, Meta(description="Version of the template, such as `1.0.0`.")] = ""
    maintainer: Annotated[str, Meta(description="Who looks after it.")] = ""
    validation_status: Annotated[
        str, Meta(description="`validated`, `testing`, `experimental`, `failed`, ...; shown only.")
    ] = ""
    tags: Annotated[dict[str, str], Meta(description="Tags, for searching and for AWS.")] = {}
    last_updated: Annotated[str, Meta(description="RFC 3339 time of the last change.")] = ""
    marketplace: Annotated[Marketplace | None, Meta(description="Its listing in a marketplace.")] = None
    validation: Annotated[
        tuple[ValidationStep, ...], Meta(description="Commands that must hold on a finished machine.")
    ] = ()

    @property
    def short_name(self) -> str:
        """The slug, or the one made from the name."""
        return self.slug or slug_of(self.name)


_SHORTER = (
    ("machine learning", "ml"),
    ("development", "dev"),
    ("environment", "env"),
    ("+ conda stack", "-conda"),
)
_DROPPED = ("simplified", "research", "basic", "(apt)", "(dnf)", "(ami)")


def slug_of(name: str) -> str:
    """Return the short name for commands: the established rule, applied in a fixed order.

    The rule strips so much from some names that nothing is left ("Basic Research (APT)"). Those keep
    all their words, where the reference gives them one shared slug.
    """
    text = name.lower()
    for long, short in _SHORTER:
        text = text.replace(long, short)
    for word in _DROPPED:
        text = text.replace(word, "")
    return _dashed(text) or _dashed(name.lower()) or "template"


def _dashed(text: str) -> str:
    kept = re.sub(r"[^a-z0-9\s-]", "", text)
    return re.sub(r"[\s-]+", "-", kept).strip("-")
