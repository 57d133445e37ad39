"""The plugin contract: two doors, every hook documented and tested, trouble named."""

from __future__ import annotations

import inspect
import os
import re

import pytest

from cws_build.errors import PluginError
from cws_build.hooks import Hooks
from cws_build.library import Library
from cws_build.model.events import Notice, StepFinished
from cws_build.plugin_manager import Plugins
from tests.project import ROOT, document, python

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
    (info,) = lab(run_log="raise RuntimeError").infos()
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
    }
