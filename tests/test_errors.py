"""The family of errors: exit codes and HTTP statuses are promises."""

from __future__ import annotations

import inspect

import pytest

from cws_build import errors
from cws_build.errors import CwsError, InputError
from cws_build.frontends.console import Console, JsonLines
from cws_build.model.problem import Problem, did_you_mean
from tests.project import document

PROMISED = {
    "InputError": ("input", 2, 422),
    "NoAmiError": ("no_ami", 3, 409),
    "ConsentError": ("consent", 4, 409),
    "CloudError": ("cloud", 5, 502),
    "AccessDenied": ("access_denied", 5, 403),
    "ResourceNotFound": ("not_found", 5, 404),
    "LimitExceeded": ("limit_exceeded", 5, 429),
    "ToolError": ("tool", 6, 500),
    "ToolMissing": ("tool_missing", 6, 500),
    "StoreError": ("store", 6, 500),
    "BakeFailed": ("bake_failed", 6, 500),
    "ProvisionFailed": ("provision_failed", 6, 500),
    "PluginError": ("plugin", 7, 500),
    "Interrupted": ("interrupted", 130, 499),
}
CLASSES = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
}


def test_the_family_is_complete():
    assert set(CLASSES) == {"CwsError", *PROMISED}
    assert len({kind.code for kind in CLASSES.values()}) == len(CLASSES)


@pytest.mark.parametrize("name", PROMISED)
def test_what_each_promises(name):
    kind = CLASSES[name]
    assert (kind.code, kind.exit_code, kind.http_status) == PROMISED[name]
    assert issubclass(kind, CwsError)
    assert name in errors.__doc__
    assert f"exit {kind.exit_code}" in errors.__doc__


@pytest.mark.parametrize("name", PROMISED)
@pytest.mark.parametrize("front_end", [Console, JsonLines])
def test_every_error_is_told_with_its_hint(name, front_end, capsys):
    import sys

    error = CLASSES[name]("it went wrong", hint="try this", details={"n": 1})
    assert front_end(sys.stderr).fail(error, debug=False) == PROMISED[name][1]
    out, err = capsys.readouterr()
    if front_end is Console:
        assert out == ""
        assert "it went wrong" in err
        assert "→ try this" in err
    else:
        assert err == ""
        told = {"code": PROMISED[name][0], "message": "it went wrong", "hint": "try this", "details": {"n": 1}}
        assert document(out) == {"error": told}


def test_all_problems_are_told(capsys):
    import sys

    problems = [Problem("a.yml", 3, "base", "unknown", "did you mean 'debian-12'?"), Problem("b.yml", 0, "", "empty")]
    error = InputError("2 mistakes", problems=problems)
    Console(sys.stderr).fail(error, debug=False)
    lines = capsys.readouterr().err.splitlines()
    assert [line.strip(" ✗") for line in lines] == [
        "a.yml:3: base: unknown (did you mean 'debian-12'?)",
        "b.yml: empty",
        "cws-build: 2 mistakes",
    ]
    JsonLines(sys.stderr).fail(error, debug=False)
    assert [p["line"] for p in document(capsys.readouterr().out)["error"]["details"]["problems"]] == [3, 0]


def test_did_you_mean():
    assert did_you_mean("debain", ["debian", "ubuntu"]) == "did you mean 'debian'?"
    assert did_you_mean("zzz", ["debian"]) == ""
