"""``cws-build.toml``: the nearest one upward, then the user's own; variables and options win over it."""

from __future__ import annotations

import pytest


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cws-build.toml").write_text(text)
    return folder / "cws-build.toml"


def test_without_a_file_the_defaults_count(cws, home):
    found = cws("config", "show", "--json").json
    assert (found["file"], found["region"], found["library"]) == ("", "", [])
    assert found["bake"]["instance_types"] == {"x86_64": "t3.large", "arm64": "t4g.large"}
    assert (found["state"], found["cache"]) == (str(home / "state"), str(home / "cache"))


def test_the_nearest_file_upward_counts(cws, home, monkeypatch):
    write(home, 'region = "far"')
    near = write(home / "work" / "project", 'region = "near"\n[bake]\nparallel = 5\n')
    deep = home / "work" / "project" / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    found = cws("config", "show", "--json").json
    assert (found["file"], found["region"], found["bake"]["parallel"]) == (str(near), "near", 5)


def test_the_users_own_file_counts_where_there_is_no_other(cws, home):
    own = write(home / "home" / "config" / "cws-build", 'profile = "lab"')
    assert cws("config", "show", "--json").json["file"] == str(own)
    write(home / "work", 'profile = "here"')
    assert cws("config", "show", "--json").json["profile"] == "here"


def test_options_win_over_variables_and_these_over_the_file(cws, home, monkeypatch):
    write(home / "work", 'region = "file"\nprofile = "file"\npacker = "file"\nsandbox = true\n')
    monkeypatch.setenv("CWS_BUILD_PROFILE", "variable")
    monkeypatch.setenv("CWS_BUILD_PACKER", "variable")
    found = cws("config", "show", "--packer", "option", "--json").json
    assert [found[name] for name in ("region", "profile", "packer", "sandbox")] == ["file", "variable", "option", True]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('regoin = "x"', "regoin", "did you mean 'region'?"),
        ("[bake]\nparalel = 3", "paralel", "did you mean 'parallel'?"),
        ("[bake]\nparallel = 'two'", "bake.parallel", "config show prints every setting"),
        ("region = ", "Invalid value", "settings are TOML"),
        ("zzzzz = 1", "zzzzz", "config show prints every setting"),
    ],
)
def test_wrong_settings(cws, home, text, message, hint):
    file = write(home / "work", text)
    done = cws("config", "show")
    assert done.code == 2
    assert str(file) in done.err
    assert message in done.err
    assert hint in done.err
    assert cws("--json", "config", "show").json["error"]["code"] == "input"


def test_a_settings_file_that_is_no_text(cws, home):
    write(home / "work", "").write_bytes(b"\xff\xfe")
    assert cws("config", "show").code == 2


def test_config_show_is_what_bake_would_use(cws, home):
    write(home / "work", '[bake]\nmax_age_days = 7\ninstance_types = {x86_64 = "m7i.large"}\n')
    lines = cws("config", "show").out.splitlines()
    assert "bake.max_age_days = 7" in lines or "bake.max_age_days = 7.0" in lines
    assert "bake.instance_types.x86_64 = 'm7i.large'" in lines


def test_libraries_of_the_file(cws, home):
    (home / "lab" / "templates").mkdir(parents=True)
    (home / "lab" / "templates" / "own.yml").write_text("name: Own\ndescription: ours\nbase: debian-12\n")
    write(home / "work", f'library = ["{home / "lab"}"]')
    assert "own" in cws("templates").out
