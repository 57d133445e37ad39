"""The documentation is run: what docs/contributing.md says of fenced blocks is what happens here."""

from __future__ import annotations

import re

import pytest

from cws_build.frontends.options import global_options
from cws_build.frontends.verbs import VERBS
from tests.docs_blocks import ALL, COMMAND, KINDS, PAGES, check, named, run_block, with_machines
from tests.project import ROOT, need_packer


@pytest.mark.parametrize("block", ALL, ids=lambda block: f"{block.page.stem}-{block.line}")
def test_every_block_says_how_it_is_run_and_has_commands(block):
    assert block.kind in KINDS, f"{block.page}:{block.line}: one of {', '.join(filter(None, KINDS))}"
    assert block.commands, f"{block.page}:{block.line}: commands begin with '$ '"


@pytest.mark.parametrize("block", ALL, ids=lambda block: f"{block.page.stem}-{block.line}")
def test_every_command_that_is_shown_exists(block):
    """Also where a block is not run: its words and long options are known to the parser."""
    for command in block.commands:
        for words in COMMAND.findall(command):
            options = set(re.findall(r"(?<=\s)--[a-z-]+", words))
            verb = next((word for word in words.split() if word in {verb.name for verb in VERBS}), "")
            assert verb or options & {"--help", "--version"}, f"{block.page}:{block.line}: {command}"
            known = set(re.findall(r"--[a-z-]+", global_options().format_help() + help_of(words, verb)))
            assert options <= known | {"--help", "--version"}, f"{block.page}:{block.line}: {options - known}"


def help_of(words, verb):
    """Return the help of the innermost word of a command."""
    import contextlib
    import io

    from cws_build.frontends.cli import parser_for

    said = io.StringIO()
    second = words.split()[words.split().index(verb) + 1 :][:1] if verb else []
    for asked in ([verb, *second, "--help"], [verb, "--help"]):
        with contextlib.redirect_stdout(said), contextlib.suppress(Exception, SystemExit):
            parser_for(verb).parse_args([word for word in asked if word])
    return said.getvalue()


@pytest.mark.parametrize("block", named(block for block in ALL if block.kind == ""))
def test_what_the_docs_show_works(block, tmp_path):
    if any(" render " in command for command in block.commands):
        need_packer()
    check(run_block(block, tmp_path), block)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """Return a folder whose state holds a sandbox, one for all blocks; afterwards nothing of it is left.

    The pages that work with python-ml have another, in ``tests/e2e/test_python_ml.py``: another worker can run them.
    """
    from cws_build.places import cache_dir
    from cws_build.sandbox.control import Sandbox
    from cws_build.sandbox.requirements import missing

    if lacking := missing():
        pytest.skip("; ".join(need.sentence for need in lacking))
    folder = tmp_path_factory.mktemp("docs")
    yield folder
    Sandbox(folder / "state" / "sandbox", cache_dir() / "sandbox").reset(lambda _event: None)


@pytest.mark.machines
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("block", named(with_machines(of="python-ml")[1]))
def test_what_the_docs_show_works_in_the_sandbox(block, box):
    from cws_build.places import cache_dir

    check(run_block(block, box, CWS_BUILD_CACHE=str(cache_dir()), CWS_BUILD_SANDBOX="1"), block)


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "playbooks/roles/README.md", ROOT / "ARCHITECTURE.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(page):
    if not page.exists():
        pytest.skip(f"{page.name} is not written yet")
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{page.name}: {target}"


def anchors(text):
    """Return the names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_contract_names_every_word_and_its_options(verb):
    contract = (ROOT / "docs" / "cli.md").read_text()
    everywhere = set(re.findall(r"--[a-z-]+", global_options().format_help()))
    own = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", help_of(f"{verb.name}", verb.name))) - everywhere - {"--help"}
    assert f"`{verb.name}" in contract
    assert {option for option in own if option not in contract} == set()
    assert {option for option in everywhere if option not in contract} == set()


def test_the_contract_names_every_exit_code():
    from cws_build import errors

    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)}
    assert table == codes | {0}


def test_the_guides_example_of_a_template_in_the_readme_is_valid():
    from cws_build.reader import read_template

    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    reading = read_template(example, "README.md", strict=True)
    assert reading.problems == ()


def test_the_plugin_of_the_readme_can_be_loaded(tmp_path):
    from cws_build.library import Library
    from cws_build.plugin_manager import Plugins

    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "chat.py").write_text(example)
    assert [info.hooks for info in Plugins(Library([tmp_path])).infos() if info.name == "chat"] == [("cws_event",)]
