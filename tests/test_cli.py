"""The command line: wrong words, wrong files, streams, options and variables."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cws_build.errors import CloudError
from cws_build.frontends.cli import parse, parser_for
from cws_build.frontends.commands import reap
from cws_build.frontends.console import JsonLines
from cws_build.frontends.invocation import Invocation
from cws_build.frontends.verbs import VERBS
from cws_build.model.image import Resource
from tests.project import LIBRARY, ROOT, document, need_packer, python
from tests.world import Account, world

HELP = ROOT / "cws_build" / "frontends" / "help.txt"
GLOBAL = [
    "--sandbox",
    "--profile",
    "--region",
    "--library",
    "--packer",
    "--json",
    "--yes",
    "--quiet",
    "--verbose",
    "--debug",
]

WRONG_WORDS = [
    ("", "a word is missing", "cws-build --help"),
    ("bakee python-ml", "cannot be 'bakee'", "did you mean 'bake'?"),
    ("zzzzzz", "cannot be 'zzzzzz', only one of bake", "cws-build --help"),
    ("bake", "required: TEMPLATE", "cws-build bake --help"),
    ("bake python-ml --dryrun", "cws-build bake knows no option '--dryrun'", "did you mean '--dry-run'?"),
    ("resolve python-ml --regions eu-west-1", "knows no option '--regions'", "did you mean '--region'?"),
    ("bake python-ml --arch x86", "--arch cannot be 'x86', only one of x86_64, arm64", "did you mean 'x86_64'?"),
    ("bake python-ml --param x", "'x' is not K=V", "--param python_version=3.12"),
    ("bake python-ml --param =x", "'=x' is not K=V", "--param python_version=3.12"),
    ("launch python-ml mine --tag x", "'x' is not K=V", "--tag project=climate"),
    ("launch python-ml mine --tag =x", "'=x' is not K=V", "--tag project=climate"),
    ("launch python-ml mine --volume-gb 0", "a volume of 0 GiB", "--volume-gb 100"),
    ("launch python-ml mine --volume-gb 999999999", "a volume of 999999999 GiB", "--volume-gb 100"),
    ("bench launch python-ml --repeat 0", "--repeat 0", "--repeat 3"),
    ("ami costs python-ml --gb nan", "an image cannot hold nan GiB", "--gb 8"),
    ("ami costs python-ml --gb inf", "an image cannot hold inf GiB", "--gb 8"),
    ("regions lst", "ACTION cannot be 'lst'", "did you mean 'list'?"),
    ("bake python-ml --on-failure stay", "cannot be 'stay', only one of cleanup, keep", "cws-build bake --help"),
    ("bake --version", "argument --version: expected one argument", "cws-build bake --help"),
    ("--sand templates", "knows no option '--sand'", "did you mean '--sandbox'?"),
    ("--region", "argument --region: expected one argument", "cws-build --help"),
    ("templates lst", "ACTION cannot be 'lst'", "did you mean 'list'?"),
    ("templates list extra", "cws-build templates list knows no argument 'extra'", "templates list --help"),
    ("templates render python-ml", "required: --to", "cws-build templates render --help"),
    ("templates recipe python-mll", "there is no template 'python-mll'", "did you mean 'python-ml'?"),
    ("templates recipe zzzzzz", "there is no template 'zzzzzz'", "'cws-build templates' lists what there is"),
    ("templates recipe no/such.yml", "there is no file no/such.yml", "give a template's name"),
    ("templates recipe python-ml --param x=1", "x", ""),
    ("templates recipe gpu --param framework=caffe", "caffe", "--param framework="),
    ("templates show python-mll", "there is no template 'python-mll'", "did you mean"),
    ("templates validate python-mll", "1 mistake in 1 file", "templates schema"),
    ("templates --library nowhere", "nowhere is not a library", "--library DIR"),
    ("config sho", "cannot be 'sho'", "did you mean 'show'?"),
    ("reap --older-than tomorrow", "'tomorrow' is not a duration", "30m, 6h, 2d"),
    ("sandbox fault add --call", "expected one argument", "cws-build sandbox fault --help"),
    ("sandbox", "required: ACTION", "cws-build sandbox --help"),
]

WRONG_FILES = [
    ("- a\n- b\n", 1, "mapping"),
    ("name: A\n\tbase: debian-12\n", 2, "tab"),
    ("name: A\nname: B\ndescription: d\nbase: debian-12\n", 2, "name"),
    ("name: A\ndescription: d\nbase: debian-12\npackages: git\n", 4, "packages"),
    ("name: A\ndescription: d\nbase: debain-12\n", 3, "debian-12"),
    ("name: A\ndescription: d\nbase: debian-12\ninherits: [A]\n", 4, "inherit"),
    ("name: A\ndescription: d\nbase: debian-12\ninherits: [nobody]\n", 0, "nobody"),
    ("name: A\ndescription: d\nbase: debian-12\nservices:\n  - name: x\n    port: 99999\n", 6, "65535"),
    ("name: A\ndescription: d\nbase: debian-12\nversion: [\n", 5, ""),
    ("", 1, ""),
    ("build_steps: []\nname: A\nbase: debian-12\n", 1, "build_steps"),
    ("name: A\ndescription: d\nbase: saved-instance\n", 0, "not a template"),
]


@pytest.mark.parametrize(("words", "message", "hint"), WRONG_WORDS)
def test_wrong_words(cws, words, message, hint):
    plain = cws(*words.split())
    assert (plain.code, plain.out) == (2, "")
    assert message in plain.err
    assert hint in plain.err
    assert "Traceback" not in plain.err
    as_json = cws("--json", *words.split())
    assert (as_json.code, as_json.err) == (2, "")
    error = as_json.json["error"]
    assert set(error) == {"code", "message", "hint", "details"}
    assert error["code"] == "input"
    assert message in error["message"] + str(error["details"])


@pytest.mark.parametrize(("text", "line", "said"), WRONG_FILES)
def test_wrong_files(cws, home, text, line, said):
    file = home / "work" / "wrong.yml"
    file.write_text(text)
    done = cws("templates", "validate", file)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert f"{file}:{line}" in done.err if line else str(file) in done.err
    assert said in done.err
    for words in (["templates", "recipe", file], ["bake", file, "--dry-run", "--region", "us-east-1"]):
        assert cws(*words).code == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("binary.yml", b"\xff\xfe\x00", "not UTF-8"),
        ("folder.yml", None, "folder.yml"),
        ("crlf.yml", b"name: A\r\n", "base"),
    ],
)
def test_files_that_are_no_text(cws, home, name, content, said):
    file = home / "work" / name
    file.mkdir() if content is None else file.write_bytes(content)
    done = cws("templates", "validate", file)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_all_mistakes_of_all_files_at_once(cws, home):
    files = []
    for number in (1, 2):
        files.append(home / "work" / f"wrong{number}.yml")
        files[-1].write_text(f"name: W{number}\ndescription: d\nbase: nothing-1\nservices: 7\n")
    done = cws("templates", "validate", *files, "no-such-template")
    assert done.code == 2
    assert "5 mistakes in 3 files" in done.err
    assert len(cws("--json", "templates", "validate", *files, "nobody").json["error"]["details"]["problems"]) == 5


def test_one_broken_file_hides_no_other(cws, home):
    folder = home / "lab" / "templates"
    folder.mkdir(parents=True)
    (folder / "broken.yml").write_text("name: [\n")
    (folder / "fine.yml").write_text("name: Fine\ndescription: works\nbase: debian-12\n")
    done = cws("templates", "--library", home / "lab")
    assert done.code == 0
    assert "fine" in done.out
    assert "broken.yml:" in done.err
    as_json = cws("--json", "templates", "list", "--library", home / "lab")
    assert "Fine" in {entry["name"] for entry in as_json.json}
    assert [document(line)["event"] for line in as_json.err.splitlines()] == ["notice"]
    assert cws("templates", "validate", "--library", home / "lab").code == 2


def test_a_warning_is_an_error_when_strict(cws, home):
    file = home / "work" / "odd.yml"
    file.write_text("name: Odd\ndescription: d\nbase: debian-12\npakages: {}\n")
    lax = cws("templates", "validate", file)
    assert lax.code == 0
    assert "1 template is valid, 1 warning" in lax.out
    strict = cws("templates", "validate", "--strict", file)
    assert strict.code == 2
    assert f"{file}:4: pakages" in strict.err
    assert "did you mean 'packages'?" in strict.err


@pytest.mark.parametrize("word", [verb.name for verb in VERBS])
def test_every_word_has_help(cws, word):
    for option in ("-h", "--help"):
        done = cws(word, option)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"usage: cws-build {word}")
        assert all(name in done.out for name in GLOBAL)


@pytest.mark.parametrize("words", ["templates list", "templates render", "sandbox up", "sandbox fault"])
def test_second_words_have_help(cws, words):
    done = cws(*words.split(), "-h")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: cws-build {words}")


def test_every_option_of_every_word_is_explained(cws):
    for verb in VERBS:
        lines = cws(verb.name, "--help").out.splitlines()
        for line, following in itertools.pairwise(lines):
            alone = re.fullmatch(r"  (-\w, )?--[\w-]+( \S+)?", line)
            assert not alone or following.startswith(" " * 20), f"{verb.name}: {line}"


def test_the_help_text_that_travels_with_the_package(home):  # noqa: ARG001  for COLUMNS
    written, made = HELP.read_text(), parser_for("").format_help()
    command = "COLUMNS=100 NO_COLOR=1 cws-build --help -h > cws_build/frontends/help.txt"
    assert written.split() == made.split(), f"make it anew: {command}"
    assert all(f"\n    {verb.name} " in written and verb.summary in written for verb in VERBS)


def test_the_plain_help_and_the_version():
    for words in (["--help"], ["-h"]):
        done = python("from cws_build.__main__ import main; raise SystemExit(main())", *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, HELP.read_text(), "")
    done = python("from cws_build.__main__ import main; raise SystemExit(main())", "--version")
    assert done.stdout == f"cws-build {__import__('cws_build').__version__}\n"


@pytest.mark.parametrize("words", ["--json templates list", "templates --json list", "templates list --json"])
def test_global_options_stand_anywhere(cws, words):
    assert {entry["slug"] for entry in cws(*words.split()).json} >= {"python-ml", "basic-debian"}


def test_an_options_value_may_be_a_word(cws):
    found = cws("--profile", "bake", "--region", "doctor", "config", "show", "--json").json
    assert (found["profile"], found["region"]) == ("bake", "doctor")


def test_variables_say_what_options_say(cws, monkeypatch, home):
    said = {"REGION": "eu-north-1", "PROFILE": "lab", "PACKER": "/opt/packer", "SANDBOX": "yes", "JSON": "1"}
    for name, value in said.items():
        monkeypatch.setenv(f"CWS_BUILD_{name}", value)
    monkeypatch.setenv("CWS_BUILD_LIBRARY", f"{LIBRARY}{os.pathsep}{ROOT}")
    found = cws("config", "show").json
    assert (found["region"], found["profile"], found["packer"], found["sandbox"]) == (
        "eu-north-1",
        "lab",
        "/opt/packer",
        True,
    )
    assert found["library"] == [str(LIBRARY), str(ROOT)]
    assert found["state"] == str(home / "state")
    assert cws("config", "show", "--region", "us-west-2").json["region"] == "us-west-2"
    assert cws("nonsense").json["error"]["code"] == "input"


def test_libraries_overlay_the_built_in_one(cws):
    names = [entry["slug"] for entry in cws("--json", "templates", "--library", LIBRARY).json]
    assert {"studio", "python-ml"} <= set(names)
    assert names.index("studio") < names.index("python-ml")


def test_show(cws):
    done = cws("templates", "show", "study", "--library", LIBRARY)
    assert done.code == 0
    for text in ("Study (study) 2.0.0", "parent    studio", "conda     scipy", "service   jupyter on port 8888"):
        assert text in done.out
    assert cws("templates", "show", "study", "--library", LIBRARY, "--json").json["slug"] == "study"


def test_recipe(cws):
    done = cws("templates", "recipe", "studio", "--library", LIBRARY)
    assert done.out.splitlines()[0] == "studio 1.10 x86_64 on debian-12"
    assert len(done.out.splitlines()) == 12
    found = cws("templates", "recipe", "studio", "--library", LIBRARY, "--arch", "arm64", "--json").json
    assert found["architecture"] == "arm64"
    assert [layer["name"] for layer in found["layers"]][:3] == ["base", "apt", "pip"]
    assert all(re.fullmatch("[0-9a-f]{64}", layer["digest"]) for layer in found["layers"])


def test_render(cws, home):
    need_packer()
    done = cws("templates", "render", "studio", "--library", LIBRARY, "--to", home / "out", "--param", "greeting=hi")
    assert (done.code, done.out) == (0, f"packer build {home / 'out' / 'packer'}\n"), done.err
    assert "echo hi" in (home / "out" / "project" / "playbook.yml").read_text()


def test_schema_is_a_json_schema(cws):
    schema = cws("templates", "schema").json
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert cws("--json", "templates", "schema").json == schema


def test_secrets_of_a_template_are_never_printed(cws, home):
    need_packer()
    file = home / "work" / "leaky.yml"
    file.write_text(
        "name: Leaky\ndescription: d\nbase: debian-12\nvariables: {DB_PASSWORD: hunter2hunter2}\n"
        "post_install: |\n  export API_TOKEN=s3cr3t-of-mine\n  psql postgres://lab:{{.DB_PASSWORD}}@db/x\n"
    )
    for words in (["show", file], ["recipe", file], ["validate", file], ["render", file, "--to", home / "out"]):
        for mode in ([], ["--json"], ["-v"]):
            done = cws("templates", *words, *mode)
            assert done.code == 0
            assert "hunter2" not in done.out + done.err
            assert "s3cr3t" not in done.out + done.err
    assert f"{file}:6" in cws("templates", "validate", file).out


@pytest.mark.parametrize("mode", [["--json"], []])
def test_reap_that_cannot_remove_everything_still_says_one_thing(mode, tmp_path, capsys):
    account = Account()
    account.cloud().leftovers = [
        Resource("key_pair", "key-1", "us-east-1", expires="2026-01-01T00:00:00+00:00"),
        Resource("volume", "vol-1", "us-east-1", expires="2026-01-01T00:00:00+00:00"),
    ]
    account.cloud().stuck = {"vol-1"}
    invocation = Invocation(parse(["reap", *mode]), JsonLines(sys.stderr), threading.Event())
    vars(invocation)["context"] = world(tmp_path, account, clock=lambda: datetime(2026, 11, 1, tzinfo=UTC))
    with pytest.raises(CloudError) as caught:
        reap.run(invocation)
    told = caught.value.details
    assert [one["id"] for one in told["found"]] == ["key-1", "vol-1"]
    assert (told["removed"], told["kept"]) == (["key-1"], [{"id": "vol-1", "reason": "it is in use"}])
    assert capsys.readouterr().out == ("" if mode else "removed key_pair key-1 in us-east-1\n")
    assert [resource.id for resource in account.cloud().leftovers] == ["vol-1"]


def test_plugins(cws):
    (found,) = [one for one in cws("--json", "plugins").json if one["name"] == "run_log"]
    assert (found["name"], found["hooks"], found["origin"]) == (
        "run_log",
        ["cws_event"],
        str(ROOT / "plugins" / "run_log.py"),
    )
    assert "run_log" in cws("plugins").out


def test_a_plugin_that_cannot_be_loaded(cws, home):
    (home / "lab" / "plugins").mkdir(parents=True)
    (home / "lab" / "plugins" / "crooked.py").write_text("import no_such_module\n")
    done = cws("--json", "plugins", "--library", home / "lab")
    assert done.code == 7
    assert "plugin crooked" in done.json["error"]["message"]
    assert "CWS_BUILD_PLUGINS" in done.json["error"]["hint"]


BROKEN = """
import sys
sys.modules["tomllib"] = None
from cws_build.frontends.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


def test_a_bug_is_one_sentence_that_says_how_to_report_it(tmp_path):
    environment = {"CWS_BUILD_STATE": str(tmp_path)}
    done = python(BROKEN, "config", "show", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "this is a bug in cws-build: ModuleNotFoundError" in done.stderr
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in python(BROKEN, "config", "show", "--debug", **environment).stderr


def test_debug_shows_where_an_error_was(cws):
    assert "Traceback" in cws("--debug", "templates", "recipe", "nobody").err


def child(*words, home, **environment):
    keep = {"PATH": os.environ["PATH"], "HOME": str(home), "CWS_BUILD_STATE": str(home), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "cws_build", *words]
    return subprocess.run(argv, cwd=home, env=keep | environment, text=True, capture_output=True, check=False)


PATIENT = """#!/bin/sh
# A tool that never ends, while its user loses patience twice.
kill -INT "$PPID"
until grep -q stopping err; do sleep 0.05; done
kill -INT "$PPID"
exec sleep 60
"""


def test_an_interrupt_asks_to_stop_and_a_second_one_stops(tmp_path):
    tool = tmp_path / "packer"
    tool.write_text(PATIENT)
    tool.chmod(0o755)
    keep = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "CWS_BUILD_STATE": str(tmp_path),
    }
    argv = [sys.executable, "-m", "cws_build", "doctor", "--packer", str(tool)]
    with (tmp_path / "err").open("w") as err:
        done = subprocess.run(argv, cwd=tmp_path, env=keep, stdout=subprocess.PIPE, stderr=err, timeout=50, check=False)
    said = (tmp_path / "err").read_text()
    assert (done.returncode, done.stdout) == (130, b""), said
    ended = "✗ cws-build: stopped at once\n  → cws-build reap removes what may be left\n"
    assert said == f"■ stopping, and cleaning up what was started …\n{ended}"


def test_results_go_to_stdout_and_the_rest_to_stderr_without_colour(tmp_path):
    done = child("templates", "recipe", "python-ml", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = child("templates", "recipe", "nobody", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("✗ cws-build: there is no template 'nobody'\n")
    assert "\x1b" not in done.stderr


def test_a_reader_that_has_enough_is_no_mistake(tmp_path):
    keep = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = f"set -o pipefail; {sys.executable} -m cws_build templates schema | head -c 10"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=keep, text=True, capture_output=True, check=False)  # noqa: S607
    assert done.stderr == ""
    assert len(done.stdout) == 10


def test_a_full_disk_is_a_sentence(tmp_path):
    keep = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "cws_build", "templates", "schema"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv, cwd=tmp_path, env=keep, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr == "✗ cws-build: No space left on device\n  → df -h shows which disk is full\n"


def test_a_place_that_cannot_be_written_is_a_sentence(cws):
    need_packer()
    done = cws("templates", "render", "python-ml", "--to", "/dev/full/x")
    assert done.code == 2
    assert "/dev/full" in done.err
    assert "Traceback" not in done.err


HEARD = ["env", "--default-signal=HUP"]
"""Whoever runs the tests may have switched the signal off."""


@pytest.mark.parametrize(("before", "heard"), [(HEARD, True), ([*HEARD, "nohup"], False)])
def test_a_terminal_that_is_closed_is_an_interrupt(home, before, heard):
    (home / "lab" / "plugins").mkdir(parents=True)
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\n"
    (home / "lab" / "plugins" / "closes.py").write_text(code)
    argv = [*before, sys.executable, "-m", "cws_build", "plugins", "--library", str(home / "lab")]
    environment = os.environ | {"HOME": str(home), "CWS_BUILD_STATE": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "stopping" in done.stderr) == (0, heard)


NOISY = """
import os, subprocess, sys
print("printed")
os.write(1, b"written\\n")
subprocess.run([sys.executable, "-c", "print('a child')"], check=True)
"""


@pytest.mark.parametrize("words", [["--json", "plugins"], ["--json", "resolve", "nobody"]])
def test_what_a_plugin_prints_is_no_result(home, words):
    (home / "lab" / "plugins").mkdir(parents=True)
    (home / "lab" / "plugins" / "noisy.py").write_text(NOISY)
    done = child(*words, "--library", str(home / "lab"), home=home)
    assert document(done.stdout)
    if words[1] == "plugins":
        assert done.stderr.split() == ["printed", "written", "a", "child"]
