"""Digests: the same everywhere, moved by what a layer says, and by nothing else."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.library import Library
from cws_build.model.recipe import LayerSpec, canonical, chain, files_digest, root_digest
from tests.project import DATA, LIBRARY, ROOT, compiled, document, fixture_library, python

GOLDEN = DATA / "golden" / "digests.json"
SYSTEM_PYTHON = Path("/usr/bin/python3")
CASES = [
    ("studio", "x86_64"),
    ("studio", "arm64"),
    ("study", "x86_64"),
    ("quarry", "x86_64"),
    ("quarry", "arm64"),
    ("hostile", "x86_64"),
]
PRINT = """
import json, sys
from pathlib import Path
from cws_build.actions.compile import compile_template
from cws_build.library import Library
library = Library([Path(sys.argv[1])])
cases = [case.split(":") for case in sys.argv[2:]]
found = {f"{name} {arch}": compile_template(library, name, {}, architecture=arch).recipe for name, arch in cases}
layers = {name: {layer.name: layer.digest for layer in recipe.layers} for name, recipe in found.items()}
print(json.dumps({name: {"root": found[name].root, **layers[name]} for name in found}))
"""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
variables = st.dictionaries(st.text(min_size=1, max_size=5), json_values, max_size=3)
recipes = st.lists(st.tuples(st.sampled_from(["apt", "pip", "users"]), variables, st.text(max_size=4)), min_size=1)


def chained(parts, root="root"):
    specs = [
        (LayerSpec(name=str(number), role=role, variables=values, template=""), files)
        for number, (role, values, files) in enumerate(parts)
    ]
    return [layer.digest for layer in chain(root, specs)]


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_digests_are_the_golden_ones_whatever_the_hash_seed(seed):
    done = python(PRINT, str(LIBRARY), *(f"{name}:{arch}" for name, arch in CASES), PYTHONHASHSEED=seed)
    assert done.stderr == ""
    found = document(done.stdout)
    assert found == json.loads(GOLDEN.read_text()), (
        "if they are meant to move: say so in CHANGELOG.md, every image is baked anew"
    )
    assert all(list(found[name]) == list(layers) for name, layers in json.loads(GOLDEN.read_text()).items())


def test_digests_are_the_golden_ones_to_the_systems_own_python():
    """A distribution's Python may lack what was mended in ours, as Debian 12's does."""
    version = "import sys; print(*sys.version_info[:2])"
    if not SYSTEM_PYTHON.exists() or python(version, executable=SYSTEM_PYTHON).stdout != python(version).stdout:
        pytest.skip("no Python of the same version is installed in /usr/bin: compiled packages are not for another")
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    words = (PRINT, str(LIBRARY), *(f"{name}:{arch}" for name, arch in CASES))
    done = python(*words, executable=SYSTEM_PYTHON, PYTHONPATH=os.pathsep.join(paths))
    assert done.stderr == ""
    assert document(done.stdout) == json.loads(GOLDEN.read_text())


def test_digests_do_not_know_where_the_library_stands(tmp_path):
    shutil.copytree(LIBRARY, tmp_path / "elsewhere")
    there = compiled("studio", library=Library([tmp_path / "elsewhere"]))
    assert there.recipe.digest == compiled("studio").recipe.digest


@given(recipes, st.randoms(use_true_random=False))
def test_the_order_of_keys_is_nothing(parts, random):
    def shuffled(value):
        if isinstance(value, dict):
            items = [(key, shuffled(item)) for key, item in value.items()]
            random.shuffle(items)
            return dict(items)
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert chained(parts) == chained([(role, shuffled(values), files) for role, values, files in parts])


@given(recipes, st.data())
def test_changing_one_layer_changes_exactly_the_suffix_from_it(parts, data):
    place = data.draw(st.integers(0, len(parts) - 1))
    role, values, files = parts[place]
    kind = data.draw(st.sampled_from(["variables", "role", "files"]))
    changed = {
        "variables": (role, copy.deepcopy(values) | {"one more": data.draw(json_values)}, files),
        "role": (role + "x", values, files),
        "files": (role, values, files + "x"),
    }[kind]
    before, after = chained(parts), chained([*parts[:place], changed, *parts[place + 1 :]])
    assert before[:place] == after[:place]
    assert all(old != new for old, new in zip(before[place:], after[place:], strict=True))


@given(st.lists(st.text(), min_size=2, max_size=4), st.data())
def test_two_ways_to_split_the_same_text_never_meet(fields, data):
    text = "".join(fields)
    cut = data.draw(st.integers(0, len(text)))
    left, right = text[:cut], text[cut:]
    if (left, right) != (fields[0], "".join(fields[1:])):
        assert root_digest(left, right) != root_digest(fields[0], "".join(fields[1:]))
        one, other = [(left, right.encode("utf-8", "surrogatepass"))], [(fields[0], "".join(fields[1:]).encode())]
        assert files_digest(one) != files_digest(other)


def test_length_framing_of_layers():
    a = chained([("apt", {"a": "b"}, "cd")])
    b = chained([("aptc", {"a": "b"}, "d")])
    c = chained([("ap", {"a": "b"}, "tcd")])
    assert len({*a, *b, *c}) == 3


def test_the_empty_prefix_is_the_base_and_the_architecture():
    roots = {root_digest(base, arch) for base in ("debian-12", "rocky-9") for arch in ("x86_64", "arm64")}
    assert len(roots) == 4


@given(json_values)
def test_the_canonical_text_is_one_ascii_line_that_reads_back(value):
    text = canonical(value)
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == value


def test_the_canonical_text_of_a_value():
    value = {"b": [1, True, None, "é\n"], "a": {"z": 1, "k": 2}}
    assert canonical(value) == '{"a":{"k":2,"z":1},"b":[1,true,null,"\\u00e9\\n"]}'


@pytest.mark.parametrize(
    "line",
    [
        "description: told otherwise",
        "long_description: more words",
        "version: 9.9.9",
        "tags: {lab: lovelace}",
        'icon: "🐍"',
        "category: Something",
        "popular: true",
        "maintainer: someone else",
        "estimated_launch_time: 99",
        "instance_defaults: {type: t3.nano, ports: [22], root_volume_gb: 99}",
        "learning_resources: [https://example.org/]",
        "validation: [{name: works, command: 'true'}]",
    ],
)
def test_what_does_not_change_the_machine_leaves_the_digest_alone(tmp_path, line):
    changed = variant(tmp_path, line)
    assert compiled(str(changed)).recipe.digest == compiled("studio").recipe.digest


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("packages: {system: [git], pip: [jupyterlab, 'numpy>=2']}", "apt"),
        ("packages: {system: [git, tmux], pip: [jupyterlab]}", "pip"),
        ("users: [{name: ada}]", "users"),
        ("idle_detection: {enabled: true, idle_threshold_minutes: 21}", "idle_detection"),
        ("post_install: echo other", "post_install"),
        ("base: debian-13", "base"),
    ],
)
def test_what_changes_the_machine_changes_the_recipe_from_there_on(tmp_path, line, first):
    before = compiled("studio").recipe.layers
    after = compiled(str(variant(tmp_path, line))).recipe.layers
    place = next(number for number, layer in enumerate(before) if layer.name == first)
    assert [layer.digest for layer in before[:place]] == [layer.digest for layer in after[:place]]
    assert not {layer.digest for layer in before[place:]} & {layer.digest for layer in after[place:]}


def variant(folder, line):
    """Write a copy of the template ``studio`` with one field said differently."""
    import yaml

    values = yaml.safe_load((LIBRARY / "templates" / "studio.yml").read_text())
    values["version"] = "1.10"
    path = folder / "variant.yml"
    path.write_text(yaml.safe_dump(values | yaml.safe_load(line), sort_keys=False, allow_unicode=True))
    return path


def test_a_parameter_counts_where_it_is_used():
    before, after = compiled("studio").recipe, compiled("studio", greeting="good morning").recipe
    same = [old.name for old, new in zip(before.layers, after.layers, strict=True) if old.digest == new.digest]
    assert same == ["base", "apt", "pip", "users", "files", "services", "user_data"]


def test_a_childs_recipe_begins_with_its_parents():
    parent, child = compiled("studio").recipe, compiled("study").recipe
    assert child.layers[: len(parent.layers)] == parent.layers
    assert [layer.name for layer in child.layers[len(parent.layers) :]] == ["conda", "pip@study", "users@study"]
    assert child.prefixes()[parent.digest] == len(parent.layers)
    assert child.digest == child.layers[-1].digest


def test_a_changed_role_changes_the_layers_that_use_it(tmp_path):
    shutil.copytree(LIBRARY, tmp_path / "library")
    tasks = tmp_path / "library/playbooks/roles/users/tasks/main.yml"
    tasks.write_text(tasks.read_text() + "# a remark\n")
    before, after = compiled("studio").recipe, compiled("studio", library=Library([tmp_path / "library"])).recipe
    same = [old.name for old, new in zip(before.layers, after.layers, strict=True) if old.digest == new.digest]
    assert same == ["base", "apt", "pip"]


def test_manuals_and_caches_of_a_role_do_not_count(tmp_path):
    shutil.copytree(LIBRARY, tmp_path / "library")
    role = tmp_path / "library/playbooks/roles/users"
    (role / "README.md").write_text("what it does")
    (role / "files" / "__pycache__").mkdir(parents=True)
    (role / "files" / "__pycache__" / "x.pyc").write_bytes(b"\0")
    assert Library([tmp_path / "library"]).role_digest("users") == fixture_library().role_digest("users")


def test_real_templates_compile_for_both_architectures():
    for path in sorted((ROOT / "templates").glob("*.yml")):
        for arch in ("x86_64", "arm64"):
            recipe = compiled(path.stem, architecture=arch).recipe
            assert recipe.layers[0].role == "base"
            assert len(set(recipe.prefixes())) == len({layer.name for layer in recipe.layers}) == len(recipe.layers)
