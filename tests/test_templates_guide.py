from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from cws_build.model.base import ALIASES, BASES
from cws_build.model.template import Template
from cws_build.model.template_ami import AmiConfig, AmiSearch, MarketplaceSearch
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
from cws_build.model.template_research import ResearchUser, UserIntegration
from cws_build.reader import read_template

GUIDE = (Path(__file__).parent.parent / "docs" / "templates.md").read_text()
RECORDS = (
    Template,
    AmiConfig,
    AmiSearch,
    MarketplaceSearch,
    FileSource,
    IdleDetection,
    InstanceDefaults,
    Packages,
    Parameter,
    Service,
    User,
    ValidationStep,
    ResearchUser,
    UserIntegration,
)


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL))
def test_every_example_of_the_guide_is_a_valid_template(example):
    reading = read_template(example, "docs/templates.md", strict=True)
    assert reading.problems == ()
    assert reading.template


@pytest.mark.parametrize("record", RECORDS)
def test_the_guide_names_every_field(record):
    fields = {field.encode_name for field in msgspec.structs.fields(record)}
    assert {field for field in fields if f"`{field}`" not in GUIDE} == set()


def test_the_guide_names_every_base_and_its_owner():
    names = {*BASES} | {alias for alias, base in ALIASES.items() if base.startswith(f"{alias}-")}
    assert {name for name in names if f"`{name}`" not in GUIDE} == set()
    owners = {base.owner for base in BASES.values() if base.owner.isdigit()}
    assert {owner for owner in owners if owner not in GUIDE} == set()
