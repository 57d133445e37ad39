"""Any text survives the three languages of a workspace, and nothing in it executes; asked of the real readers."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
import unicodedata

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from cws_build.model.quoting import comment, go, hcl, yaml
from tests.project import CURRENT_PACKER, missing

FRAGMENTS = [
    *("${", "$${", "%{", "%%{", "{{", "}}", "{%", "%}", "{#", "#}", "`", '"', "'", "\\", "$", "%", "{", "}", "a", " "),
    *("\n", "\r\n", "\t", "\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufffe"),
    *("é", "e\u0301", "🐍", "漢", "\u202e", "!unsafe", "- ", ": ", "#", "yes", "~", "&a", "*a", "<<", '${env("HOME")}'),
    *("{{user `x`}}", "{{ lookup('pipe', 'id') }}", "%{ if true }x%{ endif }", "$(id)", "\\u0024{x}", "---", "..."),
    *("{{`{{`}}", "{{{", "\\n", "EOF", "${path.root}", "@", "=x", "|", ">", "0x1F", "1e3", "null", "2026-01-01"),
]  # fmt: skip
COUNT = 400
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.characters(exclude_categories=["Cs"])), max_size=8).map(
    "".join
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def hostile(*, without=""):
    """Return many texts put together from what is special to anybody; the same ones every time."""
    draw = random.Random(20261122)  # noqa: S311  a fixed seed, not a secret
    parts = [part for part in FRAGMENTS if not set(part) & set(without)]
    return [*parts, *("".join(draw.choices(parts, k=draw.randint(0, 9))) for _ in range(COUNT))]


class Unsafe(pyyaml.SafeLoader):
    """PyYAML's loader with Ansible's tag, which says: this is text and no template."""


Unsafe.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def programs():
    installed = shutil.which("packer")
    return [
        pytest.param(installed, id="installed", marks=missing(installed, "Packer is not installed")),
        pytest.param(
            str(CURRENT_PACKER),
            id="current",
            marks=missing(os.access(CURRENT_PACKER, os.X_OK), "no current Packer was built"),
        ),
    ]


@pytest.mark.parametrize("packer", programs())
def test_packer_reads_back_every_text(packer, tmp_path):
    plain, settings = hostile(), [go(text) for text in hostile(without="\0")]
    (tmp_path / "all.pkr.hcl").write_text(
        f"""
variable "texts" {{
  default = {hcl(plain)}
}}
source "null" "all" {{
  communicator = "none"
}}
build {{
  sources = ["source.null.all"]
  provisioner "shell-local" {{
    environment_vars = {hcl([f"T{number}={text}" for number, text in enumerate(settings)])}
    inline           = ["env -0 > settings"]
  }}
  provisioner "shell-local" {{
    environment_vars = ["ALL=${{join(",", [for text in var.texts : base64encode(text)])}}"]
    inline           = ["printf %s \\"$ALL\\" > texts"]
  }}
}}
""",
        encoding="utf-8",
    )
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [packer, "build", "."],
        cwd=tmp_path,
        env=keep | {"CHECKPOINT_DISABLE": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    read = [base64.b64decode(word).decode() for word in (tmp_path / "texts").read_text().split(",")]
    assert read == [unicodedata.normalize("NFC", text) for text in plain]
    kept = dict(line.split("=", 1) for line in (tmp_path / "settings").read_bytes().decode().split("\0") if "=" in line)
    assert [kept[f"T{number}"] for number in range(len(settings))] == [
        unicodedata.normalize("NFC", text) for text in settings
    ]


@given(texts)
def test_what_packer_would_execute_is_spaced_out_and_nothing_else(text):
    assert "{{" not in go(text)
    assert go(text).replace("{ ", "{") == text.replace("{ ", "{")
    assert go(text) == text or "{{" in text


def test_keys_of_tags_are_spaced_out_too():
    assert go({"a{{b": "c{{{d"}) == {"a{ {b": "c{ { {d"}
    assert go(3) == 3


@given(texts)
def test_hcl_stays_on_one_line_and_interpolates_nothing(text):
    written = hcl(text)
    assert written == f'"{written[1:-1]}"'
    assert not re.search(r"[\x00-\x1f]|[$%]\{", written)


def test_hcl_of_other_values():
    assert hcl({"b": [1, True, None, 1.5], "a": {}}) == '{ "a" = {}, "b" = [1, true, null, 1.5] }'
    assert hcl([]) == "[]"


@given(json_values)
def test_yaml_reads_back_every_value(value):
    text = f"before: 1\nkey:{_behind(value)}\nafter: 2\n"
    assert pyyaml.load(text, Unsafe) == {"before": 1, "key": value, "after": 2}  # noqa: S506  a SafeLoader


def _behind(value):
    written = yaml(value, 2)
    return written if written.startswith("\n") else f" {written}"


@given(json_values)
def test_nothing_that_looks_like_a_template_stands_untagged(value):
    for line in yaml(value).splitlines():
        for found in re.finditer(r'(!unsafe )?"(?:[^"\\]|\\.)*"', line):
            assert found.group(1) or not re.search(r"\{[{%#]", found.group())


def test_ansible_reads_back_every_text_and_templates_nothing(tmp_path):
    wanted = {"texts": hostile(), "nested": {"a {{ b }}": [{"c": text} for text in FRAGMENTS]}}
    (tmp_path / "read.yml").write_text(
        f"""
- hosts: localhost
  gather_facts: false
  vars:
    wanted:{yaml(wanted, 6)}
  tasks:
    - name: {yaml("a task {{ 7 * 7 }} ${{x}} 🐍")}
      ansible.builtin.copy:
        content: "{{{{ wanted | to_json }}}}"
        dest: {tmp_path}/read.json
        mode: "0600"
""",
        encoding="utf-8",
    )
    playbook = shutil.which("ansible-playbook", path=_path())
    if not playbook:
        pytest.skip("Ansible is not installed")
    done = subprocess.run(
        [playbook, "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "read.yml"],
        cwd=tmp_path,
        env={"PATH": _path(), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "read.json").read_text()) == wanted
    assert "a task {{ 7 * 7 }}" in done.stdout


def _path():
    from cws_build.drivers.process import minimal_environment

    return minimal_environment()["PATH"]


@given(texts)
def test_a_comment_is_one_line(text):
    assert len(f"# {comment(text)}".splitlines()) == 1
