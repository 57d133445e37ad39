"""The shape of the house, read from its source: who imports whom, what stands where, how large it may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize

import pytest

import cws_build
from tests.project import ROOT, document, python

PACKAGE = ROOT / "cws_build"
MODULES = {str(path.relative_to(PACKAGE).with_suffix("")): path for path in sorted(PACKAGE.rglob("*.py"))}
PLUGINS = sorted((ROOT / "plugins").glob("*.py"))

READING = ("catalog", "reader", "reader_decode", "reader_scalars", "reader_schema", "document", "document_errors")
LAYERS = {
    # each may import what stands in its own row's value, besides itself
    "errors": ("model",),  # for an annotation alone: an InputError lists Problems
    "places": (),
    "model": ("errors", "ports"),
    "data": ("model", "errors", "places"),
    "ports": ("model", "errors"),
    "hooks": ("ports", "model", "errors"),
    "reading": ("model", "errors"),
    "library": ("model", "errors"),
    "bounded": ("ports", "errors"),
    "plugin_manager": ("bounded", "library", "hooks", "ports", "model", "errors"),
    "render": ("library", "ports", "model", "errors"),
    "context": ("library", "plugin_manager", "hooks", "ports", "model", "errors"),
    "actions": (
        "bounded",
        "context",
        "render",
        "plugin_manager",
        "library",
        "reading",
        "hooks",
        "ports",
        "data",
        "model",
        "errors",
    ),
    "drivers": ("ports", "model", "errors", "places"),
    "sandbox": ("model", "errors", "ports", "places"),
    "testing": ("actions", "sandbox", "library", "ports", "model", "errors"),
    "wiring": ("context", "drivers", "sandbox", "library", "plugin_manager", "ports", "model", "errors", "places"),
    "frontends": ("wiring", "actions", "context", "render", "reading", "places", "ports", "model", "errors"),
}
"""Who may import whom, downwards only; `ports` and `model` share the values that ports are described with."""
ALSO = {"frontends/commands/sandbox": "sandbox"}
"""The sandbox's own word speaks in the sandbox's own records."""

ONLY_IN = {
    "subprocess": ("drivers/process", "sandbox/"),
    "asyncio": (),
    "boto3": ("drivers/aws",),
    "botocore": ("drivers/aws", "drivers/aws_errors", "sandbox/"),
    "ansible_runner": ("drivers/ansible",),
    "ansible": (),
    "jinja2": ("render",),
    "yaml": ("document", "document_errors"),
    "pluggy": ("hooks", "plugin_manager"),
    "moto": ("sandbox/",),
    "werkzeug": ("sandbox/",),
    "flask": ("sandbox/",),
    "rich": ("frontends/",),
    "sqlalchemy": ("drivers/database", "drivers/migrations"),
    "alembic": ("drivers/database_migrate", "drivers/migrations"),
    "psycopg": (),  # SQLAlchemy imports it, where the URL of a store asks for it
    "argparse": ("frontends/", "sandbox/server"),  # the server is a program of its own
    "requests": (),
    "socket": ("drivers/probe", "sandbox/"),
}

_POSSESSIVE = re.compile(r"[*+?}]\+|\(\?>")
"""Quantifiers and groups that Pythons before 3.11.5 get wrong: https://github.com/python/cpython/issues/100061."""

LONGEST_FILE, LONGEST_FUNCTION, MOST_PARAMETERS = 300, 50, 5
EXCEPTIONS: dict[str, str] = {}
"""Modules that may be longer than the plan says, each with its reason."""


def layer_of(module):
    """Return the layer of a module, by its path below the package."""
    first = module.split("/")[0]
    return "reading" if first in READING else first


def imports(path):
    """Yield every imported module of a file, dotted, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", [module for module in MODULES if module not in {"__init__", "__main__"}])
def test_imports_go_downwards_only(module):
    own = layer_of(module)
    assert own in LAYERS, f"{module} stands in no layer"
    for imported in imports(MODULES[module]):
        parts = imported.split(".")
        if parts[0] == "cws_build" and len(parts) > 1 and parts[1] not in cws_build.__all__:
            assert layer_of(parts[1]) in (own, *LAYERS[own], ALSO.get(module)), f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_the_outside_world_is_touched_in_one_place_each(module):
    for imported in imports(MODULES[module]):
        allowed = ONLY_IN.get(imported.split(".")[0])
        if allowed is not None and not _type_checking_only(MODULES[module], imported):
            assert module.startswith(allowed), f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_patterns_mean_the_same_to_every_python(module):
    calls = [node for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        if ast.unparse(call.func).startswith("re."):
            pattern = getattr(call.args[0], "value", "")  # a name stands for one that is compiled elsewhere
            alone = re.sub(r"\\.|\[(?:\\.|[^]\\])*]", "x", str(pattern), flags=re.DOTALL)
            assert not _POSSESSIVE.search(alone), f"{module}: {pattern}"


def _type_checking_only(path, imported):
    """Tell whether a module is imported for annotations alone."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            inside = {sub.module if isinstance(sub, ast.ImportFrom) else sub.names[0].name for sub in node.body}
            elsewhere = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Import | ast.ImportFrom)]
            outside = [n for n in elsewhere if n.lineno not in range(node.lineno, node.end_lineno + 1)]
            names = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in outside}
            root = imported.split(".")[0]
            return any(name.split(".")[0] == root for name in inside) and not any(
                name.split(".")[0] == root for name in names
            )
    return False


@pytest.mark.parametrize("module", MODULES)
def test_only_front_ends_print(module):
    calls = [node for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)]
    printed = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
    # a server is a program of its own, which talks to whoever started it
    assert not printed or module.startswith(("frontends/", "sandbox/server")), f"{module}:{printed}"


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_plugins_use_public_names_alone(path):
    for imported in imports(path):
        parts = imported.split(".")
        if parts[0] == "cws_build":
            assert len(parts) == 1 or (len(parts) == 2 and parts[1] in cws_build.__all__), f"{path} imports {imported}"


def test_public_names_can_be_had():
    assert sorted(cws_build.__all__) == cws_build.__all__
    assert all(getattr(cws_build, name) is not None for name in cws_build.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cws_build.nothing


@pytest.mark.parametrize("folder", ["packer", "plugins", "templates", "playbooks"])
def test_libraries_are_no_packages(folder):
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("path", [*MODULES.values(), *PLUGINS], ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_public_says_what_it_is_for(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name} has no docstring"


@pytest.mark.parametrize("module", MODULES)
def test_sizes(module):
    text = MODULES[module].read_text()
    lines = text.count("\n")
    assert lines <= LONGEST_FILE or module in EXCEPTIONS, f"{module} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            place = f"{module}:{node.lineno} {node.name}"
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f"{place} has more than {LONGEST_FUNCTION} lines"
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            named = [argument for argument in given if argument.arg not in {"self", "cls"}]
            assert len(named) <= MOST_PARAMETERS, f"{place} has {len(named)} parameters"


def test_the_typical_file_and_function_are_small():
    files = sorted(path.read_text().count("\n") for path in MODULES.values())
    functions = sorted(
        node.end_lineno - node.lineno + 1
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    )
    assert files[int(len(files) * 0.9)] <= 240
    assert functions[len(functions) // 2] <= 9
    assert functions[int(len(functions) * 0.9)] <= 25


MARKER = re.compile(r"#\s*(?:noqa|type: ignore)(?:: ?|\[)([A-Za-z][\w-]*(?:, ?[A-Z]+[0-9]+)*(?:, ?[a-z]+-[a-z-]+)*)\]?")


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_silenced_without_a_reason(module):
    """Each rule that a file silences is named, and explained there at least once: beside it or right above."""
    lines = MODULES[module].read_text().splitlines()
    with tokenize.open(MODULES[module]) as file:
        tokens = [token for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
    assert not [token.string for token in tokens if re.search(r"noqa(?!:)|type: ignore(?!\[)", token.string)]
    silenced, explained = set(), set()
    for token in tokens:
        codes = {code for found in MARKER.findall(token.string) for code in re.split(", ?", found)}
        silenced |= codes
        above = lines[max(0, token.start[0] - 4) : token.start[0] - 1]
        if MARKER.sub("", token.string).strip() or any(line.strip().startswith("#") for line in above):
            explained |= codes
    assert silenced <= explained


def project_files():
    """Return the text files of the project, tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607  git is on PATH or there is no checkout
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_file_knows_this_machine_or_an_index():
    forbidden = re.compile(rb"/wor[k]/|/ro[o]t/\.pyenv|https?://[^\s\"']+(?<!\.example)/simpl[e]\b")
    found = []
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content and (match := forbidden.search(content)):
            found.append(f"{path.relative_to(ROOT)}: {match.group().decode()}")
    assert found == []


HEAVY = {
    *("boto3", "botocore", "urllib3", "asyncio", "yaml", "jinja2", "msgspec", "rich", "ansible_runner", "moto"),
    *("importlib.metadata", "argparse", "pluggy", "socket", "subprocess", "sqlite3", "sqlalchemy", "alembic"),
}
LOADED = """
import contextlib, io, json, sys
before = set(sys.modules)
from cws_build.__main__ import main
sys.argv = ["cws-build", *sys.argv[1:]]
with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), write_through=True)):
    code = main()
assert code == 0, code
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(*words, home):
    done = python(LOADED, *words, HOME=str(home), CWS_BUILD_STATE=str(home / "state"))
    assert done.returncode == 0, done.stderr
    return set(document(done.stdout))


def test_help_loads_nothing_heavy(tmp_path):
    assert not loaded_by("--help", home=tmp_path) & HEAVY


@pytest.mark.parametrize(
    "words", [["templates", "list"], ["templates", "recipe", "python-ml"], ["config", "show"], ["templates", "schema"]]
)
def test_words_load_only_what_they_need(words, tmp_path):
    loaded = loaded_by(*words, home=tmp_path)
    assert not loaded & {"boto3", "botocore", "urllib3", "asyncio", "jinja2", "rich", "ansible_runner", "moto"}
    assert not loaded & {"sqlite3", "sqlalchemy", "alembic"}


def test_importing_the_package_loads_nothing_of_it():
    done = python("import sys, cws_build; print([name for name in sys.modules if name.startswith('cws_build.')])")
    assert done.stdout == "[]\n", done.stderr


def test_the_version_is_the_packages():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == cws_build.__version__
    assert sys.version_info >= (3, 11)


def test_the_built_in_library_travels_in_the_wheel():
    import tomllib

    from cws_build.library import Library

    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {part: f"cws_build/builtin/{part}" for part in Library.PARTS}
    assert all((ROOT / part).is_dir() for part in wheel["force-include"])
