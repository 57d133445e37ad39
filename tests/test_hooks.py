"""The plugin contract: two doors, every hook documented and tested, trouble named."""

from __future__ import annotations

import inspect
import os
import re

import pytest

from cws_build.actions.resolve import resolve
from cws_build.errors import PluginError
from cws_build.hooks import Hooks
from cws_build.library import Library
from cws_build.model.events import Notice, StepFinished
from cws_build.model.launching import ResolveRequest
from cws_build.plugin_manager import Plugins
from tests.project import ROOT, document, python
from tests.world import Account, world

GUIDE = (ROOT / "docs" / "plugins.md").read_text()
HOOKS = [name for name in vars(Hooks) if name.startswith("cws_")]


@pytest.fixture
def lab(tmp_path, home):  # noqa: ARG001  plugins write into the home
    """Return a function that writes plugins into a library and loads them with the built-in ones."""
    (tmp_path / "lab" / "plugins").mkdir(parents=True)

    def write(**files):
        for name, text in files.items():
            (tmp_path / "lab" / "plugins" / f"{name}.py").write_text(text)
        return Plugins(Library([tmp_path / "lab"]))

    return write


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented(name):
    hook = getattr(Hooks, name)
    signature = f"{name}({', '.join(inspect.signature(hook).parameters)})"
    assert f"\n### `{signature}`\n" in GUIDE
    assert len(inspect.getdoc(hook).splitlines()) > 2


def test_the_guide_documents_no_hook_that_does_not_exist():
    assert set(re.findall(r"^### `(\w+)\(", GUIDE, re.MULTILINE)) == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test(name):
    assert f"test_hook_{name}" in globals()


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_needed_by_a_built_in_plugin(name):
    assert any(name in info.hooks for info in Plugins(Library()).infos())


def test_hook_cws_event(lab, home):
    """The example of the guide, as it stands there."""
    (example,) = re.findall(r"```python finished\.py\n(.*?)```", GUIDE, re.DOTALL)
    (home / "state").mkdir()
    plugins = lab(finished=example)
    complaints = []
    plugins.notify(
        StepFinished(subject="python-ml x86_64", title="published the image", outcome="ami-1"), complaints.append
    )
    plugins.notify(StepFinished(subject="python-ml x86_64", title="rendered", outcome="/x"), complaints.append)
    plugins.notify(Notice(message="no title"), complaints.append)
    assert (home / "state" / "finished.txt").read_text() == "python-ml x86_64 ami-1\n"
    assert complaints == []


def test_hook_cws_resolution_tiers(lab, tmp_path, monkeypatch):
    """The example of the guide, as it stands there."""
    (example,) = re.findall(r"```python course\.py\n(.*?)```", GUIDE, re.DOTALL)
    plugins = lab(course=example)
    assert [tier.name for tier in plugins.tiers()][:2] == ["course", "direct"]
    account = Account()
    account.cloud().add("ami-course", tags={"course": "stats"})
    account.cloud().add("ami-other", tags={"course": "biology"})
    monkeypatch.setenv("LAB_COURSE", "stats")
    ctx = world(tmp_path, account, plugins=lambda: plugins, emit=lambda _event: None)
    found = resolve(ctx, ResolveRequest(template="studio", architecture="x86_64")).resolution
    assert (found.chosen.ami.id, found.method) == ("ami-course", "course")


SOURCES = """
from cws_build import Finding, Source, hookimpl
@hookimpl
def cws_marketplace_sources():
    yield Source(name="bazaar", search=lambda question: Finding(reason=f"nothing for {question.region}"))
"""


def test_hook_cws_marketplace_sources(lab):
    plugins = lab(market=SOURCES)
    assert [source.name for source in plugins.sources()] == ["aws", "bazaar"]
    assert plugins.owner(plugins.sources()[1]) == "market"


CHECKS = """
from cws_build import Check, hookimpl
@hookimpl
def cws_ami_checks():
    return (Check(name="lucky", objection=lambda ami, question: ""),)
"""


def test_hook_cws_ami_checks(lab):
    assert [check.name for check in lab(luck=CHECKS).checks()] == ["age", "expiry", "lucky"]


PRICES = """
from cws_build import Price, hookimpl
@hookimpl
def cws_hourly_price(instance_type):
    if instance_type == "t3.large":
        return Price(usd_hour=0.01, kind="live", as_of="2026-11-22", source="our contract")
"""


def test_hook_cws_hourly_price(lab):
    plugins = lab(contract=PRICES)
    assert plugins.hourly_price("t3.large", "us-east-1").source == "our contract"
    assert plugins.hourly_price("t3.xlarge", "us-east-1").source != "our contract"
    assert plugins.hourly_price("no.such", "us-east-1") is None


@pytest.mark.parametrize("body", ["raise OSError('shut')", "return 0.5", "import sys; sys.exit(1)"])
def test_a_price_that_is_none_lets_the_next_plugin_answer(lab, body):
    hook = f"from cws_build import hookimpl\n@hookimpl\ndef cws_hourly_price(region):\n    {body}\n"
    plugins, complaints = lab(crooked=hook), []
    for _ in range(3):
        assert plugins.hourly_price("t3.large", "us-east-1", complaints.append).usd_hour > 0
    (complaint,) = complaints
    assert "plugin crooked" in complaint.message
    assert "cws_hourly_price" in complaint.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise OSError('shut')", "failed: OSError('shut')"),
        ("return None", "not iterable"),
        ("return ['direct']", "offers a str as a Tier"),
        ("return Tier", "not iterable"),
        ("return itertools.count()", "offers a int as a Tier"),
        ("return itertools.repeat(Tier(name='x', rank=1, method='x', resolve=print))", "more than 1000"),
    ],
)
def test_tiers_that_are_none_are_named_and_left_out(lab, body, said):
    hook = (
        f"import itertools\nfrom cws_build import Tier, hookimpl\n@hookimpl\ndef cws_resolution_tiers():\n    {body}\n"
    )
    plugins, complaints = lab(crooked=hook), []
    for _ in range(2):
        assert next(tier.name for tier in plugins.tiers(complaints.append)) == "direct"
    (complaint,) = complaints
    assert "plugin crooked" in complaint.message
    assert said in complaint.message
    assert complaint.hint.endswith("crooked.py")


TWIN = """
from cws_build import Tier, hookimpl
@hookimpl
def cws_resolution_tiers():
    return [Tier(name="search", rank=1, method="search", resolve=print)]
"""


def test_two_tiers_of_one_name_are_refused(lab, cws, tmp_path):
    with pytest.raises(PluginError) as caught:
        lab(twin=TWIN).tiers()
    assert "two tiers are named search: one of the plugin search, one of twin" in caught.value.message
    assert "twin.py" in caught.value.hint
    done = cws("resolve", "python-ml", "--library", tmp_path / "lab", "--region", "us-east-1")
    assert (done.code, "Traceback" in done.err) == (7, False)


def test_plugins_tell_the_ranks_of_their_tiers(cws):
    infos = {info["name"]: info for info in cws("plugins", "--json").json}
    assert infos["cross_region"]["ranks"] == {"cross_region": 400}
    assert "cws_resolution_tiers (search 200)" in cws("plugins").out


def test_the_run_log_keeps_the_events_of_a_run(home):
    (home / "state" / "runs" / "r1").mkdir(parents=True)
    plugins = Plugins(Library())
    for run in ("r1", "r1", "", "unknown"):
        plugins.notify(Notice(run=run, message="hello"), pytest.fail)
    lines = (home / "state" / "runs" / "r1" / "events.jsonl").read_text().splitlines()
    assert [document(line)["message"] for line in lines] == ["hello", "hello"]
    assert [path.name for path in (home / "state" / "runs").iterdir()] == ["r1"]


LOUD = "from cws_build import hookimpl\n@hookimpl\ndef cws_event():\n    raise RuntimeError('too loud')\n"
COUNT = """
from cws_build import hookimpl, state_dir
@hookimpl
def cws_event(event):
    with (state_dir() / "count").open("a") as file:
        file.write(event.message)
"""


def test_a_plugin_that_raises_is_named_once_and_takes_nothing_down(lab, home):
    (home / "state").mkdir()
    plugins = lab(loud=LOUD, quiet=COUNT)
    complaints = []
    for _ in range(3):
        plugins.notify(Notice(message="x"), complaints.append)
    (complaint,) = complaints
    assert complaint.level == "warning"
    assert "plugin loud failed in cws_event" in complaint.message
    assert "too loud" in complaint.message
    assert complaint.hint.endswith("loud.py")
    assert (home / "state" / "count").read_text() == "xxx"


def test_a_command_survives_a_plugin_that_raises(lab, cws, tmp_path):
    lab(loud=LOUD)
    (tmp_path / "lab" / "templates").mkdir()
    (tmp_path / "lab" / "templates" / "broken.yml").write_text("name: [\n")
    done = cws("templates", "--library", tmp_path / "lab")
    assert done.code == 0
    assert "plugin loud failed in cws_event" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("def (", "invalid syntax"),
        ("from cws_build import hookimpl\n@hookimpl\ndef cws_evnt(event): pass\n", "cws_evnt"),
        ("from cws_build import hookimpl\n@hookimpl\ndef cws_event(event, more): pass\n", "more"),
        ("raise SystemError('no')", "no"),
        ("import sys; sys.exit(3)", "3"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(lab, text, said):
    with pytest.raises(PluginError) as caught:
        lab(crooked=text)
    assert "plugin crooked" in caught.value.message
    assert "crooked.py" in caught.value.message
    assert said in caught.value.message
    assert "CWS_BUILD_PLUGINS" in caught.value.hint


def test_one_variable_bisects_trouble(lab, monkeypatch):
    names = lambda: [info.name for info in lab(one=COUNT, two="import nowhere_at_all", _helper="1/0").infos()]  # noqa: E731
    monkeypatch.setenv("CWS_BUILD_PLUGINS", "one")
    assert names() == ["one"]
    monkeypatch.setenv("CWS_BUILD_PLUGINS", "run_log,one")
    assert names() == ["run_log", "one"]
    monkeypatch.setenv("CWS_BUILD_PLUGINS", "")
    assert names() == []


def test_a_library_cannot_replace_a_built_in_plugin(lab):
    (info,) = [info for info in lab(run_log="raise RuntimeError").infos() if info.name == "run_log"]
    assert info.origin == str(ROOT / "plugins" / "run_log.py")


def test_an_installed_package_is_the_other_door(tmp_path):
    (tmp_path / "lab_finished.py").write_text(COUNT)
    info = tmp_path / "lab_finished-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-finished\nVersion: 1.2.3\n")
    (info / "entry_points.txt").write_text("[cws_build]\nfinished = lab_finished\n")
    done = python(
        "from cws_build.frontends.cli import main; raise SystemExit(main(['plugins', '--json']))",
        PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}",
        CWS_BUILD_STATE=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert document(done.stdout)[-1] == {
        "name": "finished",
        "origin": "lab-finished",
        "version": "1.2.3",
        "hooks": ["cws_event"],
        "ranks": {},
    }
