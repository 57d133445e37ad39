"""Smaller files that mean the same."""

from __future__ import annotations

import ast

import pytest
import yaml

from cws_build.model.slimming import slim_python, slim_yaml
from tests.project import LIBRARY, ROOT

ROLES = [*(ROOT / "playbooks").rglob("*.yml"), *(LIBRARY / "playbooks").rglob("*.yml")]


class Loader(yaml.SafeLoader):
    """Knows Ansible's tags."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: (suffix, loader.construct_scalar(node)))


def meaning(text):
    return list(yaml.load_all(text, Loader))


@pytest.mark.parametrize("path", ROLES, ids=lambda path: "-".join(path.parts[-3:]))
def test_every_file_of_ours_means_the_same(path):
    text = path.read_text()
    assert meaning(slim_yaml(text)) == meaning(text)


def test_comments_go():
    text = "# one\nkey: 1  # stays\n  # two\n\nother: [a]\n"
    assert slim_yaml(text) == "key: 1  # stays\n\nother: [a]\n"


@pytest.mark.parametrize(
    "text",
    [
        "a:\n  b: |\n    # text\n    more\n\n    # text\n  # comment\n  c: 1\n",
        "- |-\n  # text\n- b: >\n   # text\n  c: !unsafe |2\n      # text\n  # comment\n",
        '- name: "begins\n\n    # and goes on"\n- b: 1\n',
        "- name: 'it''s\n\n    # text'\n  # comment\n- b: don't\n",
        "when: a > 1 or b |\n  default(2)\n",
        "- a: b\n  c: |\n    # text\n- - |\n    # text\n  - 2\n",
    ],
)
def test_texts_stay(text):
    assert meaning(slim_yaml(text)) == meaning(text)


def test_programs_stay_programs():
    path = ROOT / "playbooks" / "callback_plugins" / "cws_events.py"
    slim = slim_python(path.read_text())
    assert "#" not in slim.replace("'#'", "")
    assert len(slim) < len(path.read_text())
    assert slim_python(slim) == slim
    names = {node.name for node in ast.walk(ast.parse(slim)) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert names == {
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def test_a_function_of_words_alone():
    assert slim_python('def one():\n    """Do nothing."""\n') == "def one():\n    pass\n"
