from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cws_build.document import load, parse
from cws_build.errors import InputError
from cws_build.model.base import ALIASES, BASES, find_base
from cws_build.model.template import slug_of
from cws_build.reader import json_schema, read_template

ROOT = Path(__file__).parent.parent
TEXT = """\
name: T          # 1
services:        # 2
  - name: a      # 3
    port: 1      # 4
  - name: b      # 5
    config:      # 6
      - x        # 7
      - y        # 8
post: |          # 9
  text
common: &c
  z: 1           # 12
merged:
  <<: *c
  w: 2
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("name",), 1),
        (("services",), 2),
        (("services", 0), 3),
        (("services", 0, "port"), 4),
        (("services", 1, "config", 1), 8),
        (("post",), 9),
        (("services", 1, "nothing"), 5),
        (("services", 7), 2),
        (("merged", "z"), 12),
        (("nothing",), 1),
    ],
)
def test_every_value_knows_its_line(path, line):
    assert parse(TEXT, "t.yml").line_of(path) == line


def test_values_are_text_and_empty_is_none():
    found = parse("a: 1\nb: yes\nc:\nd: ~\ne: ''\nf: null\ng: 'null'\nh: !!str 5\ni: !!int 5\n", "t.yml").data
    assert found == {"a": "1", "b": "yes", "c": None, "d": None, "e": "", "f": None, "g": "null", "h": "5", "i": "5"}


def test_without_libyaml_the_same_is_read():
    program = (
        "import sys; sys.modules['yaml._yaml'] = None\n"
        "from cws_build.document import parse\n"
        "text = sys.stdin.read(); found = parse(text, 't.yml'); print(found.data, found.line_of(('merged', 'z')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=TEXT, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == f"{parse(TEXT, 't.yml').data} 12\n"


def test_parse_refuses_what_load_only_notes():
    text = "a: 1\na: 2\n"
    assert [p.line for p in load(text, "t.yml").problems] == [2]
    with pytest.raises(InputError) as caught:
        parse(text, "t.yml")
    assert str(caught.value.problems[0]) == "t.yml:2: a: the key stands twice, on lines 1 and 2 (keep one of them)"


def test_line_ends_marks_and_emoji_do_not_matter():
    assert parse("\ufeffname: \U0001f680\r\nb: x\r\n", "t.yml").data == {"name": "\U0001f680", "b": "x"}


@pytest.mark.parametrize("name", [*BASES, *ALIASES])
def test_every_base_says_how_ec2_finds_it(name):
    base = find_base(name)
    if base.family != "ami":
        assert set(base.name_pattern) == {"x86_64", "arm64"}
        assert all("ARCH" not in text for text in (*base.name_pattern.values(), *base.ssm_parameter.values()))
        assert base.owner
        assert base.ssh_user
        assert base.root_device.startswith("/dev/")


def test_bases_are_found_by_alias_and_misspelt_ones_get_a_hint():
    assert find_base("ubuntu").name == "ubuntu-24.04"
    assert find_base("debian").ssm_parameter["arm64"] == "/aws/service/debian/release/12/latest/arm64"
    with pytest.raises(InputError) as caught:
        find_base("debain-12")
    assert caught.value.hint == "did you mean 'debian-12'?"
    with pytest.raises(InputError) as caught:
        find_base("windows")
    assert caught.value.hint.startswith("known bases: alpine-3, ")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Python Machine Learning (Simplified)", "python-ml"),
        ("Rocky Linux 9 + Conda Stack", "rocky-linux-9-conda"),
        ("R Research Workstation", "r-workstation"),
        ("Basic Research (APT)", "basic-research-apt"),
        ("!!!", "template"),
    ],
)
def test_slugs_follow_the_established_rule(name, slug):
    assert slug_of(name) == slug


def test_the_schema_describes_what_the_reader_reads():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    good = {"name": "T", "description": "d", "base": "debian-12", "version": 1.1, "tags": {"gpu": True}}
    empty = {"packages": None, "inherits": None, "icon": None, "ami_config": None, "popular": None}
    assert not list(validator.iter_errors({**good, **empty, "services": [{"name": "s", "port": 80}]}))
    for wrong in ({"base": "debain"}, {"nam": "x"}, {"services": [{"port": 1}]}, {"popular": "maybe"}):
        assert list(validator.iter_errors({**good, **wrong}))


def test_every_field_of_the_schema_has_a_description():
    schema = json_schema()
    records = [schema, *(s for n, s in schema["$defs"].items() if n != "Marketplace")]
    for record in records:
        assert record["additionalProperties"] is False
        assert record["description"]
    missing = [name for name, field in schema["properties"].items() if not field.get("description")]
    assert missing == []


def test_a_thousand_broken_lines_are_reported_in_one_go():
    text = "name: T\ndescription: d\nbase: debian-12\n" + "".join(f"key{i}: x\n" for i in range(1000))
    assert len(read_template(text, "t.yml", strict=True).problems) == 1000
