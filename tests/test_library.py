"""Libraries laid over each other: first hit wins."""

from __future__ import annotations

import shutil

import pytest

from cws_build.errors import InputError
from cws_build.library import Library, builtin_library
from tests.project import LIBRARY, ROOT, fixture_library


def test_the_built_in_library_is_the_checkout():
    assert builtin_library() == ROOT
    assert Library().folders == (ROOT,)


def test_the_first_hit_wins(tmp_path):
    (tmp_path / "a" / "playbooks" / "roles" / "users").mkdir(parents=True)
    (tmp_path / "b" / "templates").mkdir(parents=True)
    library = Library([tmp_path / "a", tmp_path / "b", LIBRARY])
    assert library.role("users") == tmp_path / "a/playbooks/roles/users"
    assert library.role("apt") == LIBRARY / "playbooks/roles/apt"
    assert library.role("sysprep") == ROOT / "playbooks/roles/sysprep"
    assert library.parts("templates") == (tmp_path / "b/templates", LIBRARY / "templates", ROOT / "templates")


def test_what_no_library_has():
    with pytest.raises(InputError) as caught:
        fixture_library().role("teleport")
    assert "playbooks/roles/teleport" in caught.value.message
    assert str(LIBRARY) in caught.value.hint


@pytest.mark.parametrize("make", [lambda path: path, lambda path: path.mkdir(), lambda path: path.write_text("x")])
def test_a_folder_that_is_no_library(make, tmp_path):
    make(tmp_path / "x")
    with pytest.raises(InputError, match="not a library"):
        Library([tmp_path / "x"])


def test_files_that_plugins_are_made_of(tmp_path):
    (tmp_path / "plugins").mkdir()
    for name in ("b.py", "a.py", "_hidden.py", "notes.txt"):
        (tmp_path / "plugins" / name).write_text("")
    files = list(Library([tmp_path]).plugin_files())
    assert files == [*sorted((ROOT / "plugins").glob("*.py")), tmp_path / "plugins/a.py", tmp_path / "plugins/b.py"]


def test_a_role_stands_for_the_roles_it_includes(tmp_path):
    shutil.copytree(LIBRARY, tmp_path / "library")
    roles = tmp_path / "library/playbooks/roles"
    (roles / "files/tasks/more.yml").write_text(
        "- name: Get what it needs\n  ansible.builtin.include_role:\n    name: pip\n"
    )
    before = Library([tmp_path / "library"])
    assert before.role_closure("files") == ("files", "pip")
    assert before.role_closure("pip") == ("pip",)
    digests = {name: before.role_digest(name) for name in ("files", "pip", "apt")}
    (roles / "pip/tasks/extra.yml").write_text("[]\n")
    after = Library([tmp_path / "library"])
    changed = {name for name, digest in digests.items() if digest != after.role_digest(name)}
    assert changed == {"files", "pip"}


def test_roles_that_include_each_other_end(tmp_path):
    for name, other in (("one", "two"), ("two", "one")):
        tasks = tmp_path / "playbooks/roles" / name / "tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text(f"- include_role:\n    name: {other}\n")
    assert Library([tmp_path]).role_closure("one") == ("one", "two")
