"""Workspaces: goldens, hostile texts, and the layout that a person and ansible-runner can work in."""

from __future__ import annotations

import functools
import json
import re
import sys

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cws_build.actions.build_image import rendering_of
from cws_build.actions.compile import compile_template
from cws_build.errors import InputError
from cws_build.model.packer_versions import capabilities
from cws_build.model.recipe import Recipe
from cws_build.ports import BuildRequest, PackerVersion
from cws_build.render import render, render_texts
from tests.project import DATA, LIBRARY, compiled, context, fixture_library, need_packer, packers, rendering
from tests.test_quoting import texts as hostile_texts

GOLDEN = DATA / "golden"
OLD, NEW = PackerVersion(1, 6, 6), PackerVersion(1, 16, 0)


def texts(name, version=OLD, **options):
    """Render the texts of a workspace as for one Packer."""
    wanted = msgspec.structs.replace(rendering(name, **options), capabilities=capabilities(version))
    return render_texts(wanted, fixture_library())


def request_for(folder, **variables):
    """Return a request to look at a rendered folder."""
    (folder / "run.pkrvars.json").write_text(json.dumps(variables))
    return BuildRequest(
        folder=folder / "packer",
        variables=folder / "run.pkrvars.json",
        environment={"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"},
        log=folder / "packer.log",
        events=folder / "tasks.jsonl",
    )


@pytest.mark.parametrize("name", ["studio", "hostile", "quarry"])
@pytest.mark.parametrize("file", ["packer/build.pkr.hcl", "project/playbook.yml"])
def test_goldens(name, file):
    golden = GOLDEN / f"{name}-{file.rpartition('/')[2]}"
    assert texts(name)[file] == golden.read_text(encoding="utf-8"), f"differs from {golden}"


def test_what_a_current_packer_can_is_rendered_for_it_alone():
    old, new = texts("studio")["packer/build.pkr.hcl"], texts("studio", NEW)["packer/build.pkr.hcl"]
    assert "metadata_options" not in old
    assert "imds_support" not in old
    assert 'http_tokens                 = "required"' in new
    assert 'imds_support               = "v2.0"' in new


def test_required_plugins_are_written_for_a_packer_that_knows_them_and_removed_for_one_that_does_not(tmp_path):
    wanted = rendering("studio")
    for version in (NEW, OLD):
        changed = msgspec.structs.replace(wanted, capabilities=capabilities(version))
        workspace = render(changed, fixture_library(), tmp_path)
        assert (workspace.packer / "plugins.pkr.hcl").exists() == (version == NEW)


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("part", ["name", "description"])
def test_hostile_words_stand_nowhere_unquoted(version, part):
    hcl = texts("hostile", version)["packer/build.pkr.hcl"]
    assert getattr(compiled("hostile").recipe, part)
    outside = [line for line in hcl.splitlines() if "${" in line]
    assert all("path.root" in line or "var." in line for line in outside)
    assert "{{" not in hcl
    assert "%{" not in hcl


def test_the_playbook_says_what_the_template_says():
    playbook = yaml.load(texts("hostile")["project/playbook.yml"], _Loader)  # noqa: S506  a SafeLoader
    (block,) = [task for task in playbook[0]["tasks"] if "block" in task]
    given = {
        task["include_role"]["name"]: task.get("vars", {})
        for task in map(_short, block["block"])
        if "include_role" in task
    }
    assert given == {layer.role: layer.variables for layer in compiled("hostile").recipe.layers}


@functools.cache
def lab():
    """Return one context for many renderings: asking Packer for its version takes longer than they do."""
    need_packer()
    return context(LIBRARY)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hostile_texts, min_size=6, max_size=6))
def test_whatever_a_template_says_is_rendered_as_it_stands(tmp_path, said):
    """What the reader takes, whatever it holds, stands in the rendered files as that text and as nothing else."""
    name, description, script, package, line, key = said
    values = {"name": f"N{name}", "slug": "any", "description": f"D{description}", "base": "debian-12"}
    values |= {"packages": {"pip": [f"p{package}"]}, "services": [{"name": "jupyter", "config": [f"c{line}"]}]}
    values |= {"post_install": f"#{script}", "tags": {f"k{key}": line}}
    file = tmp_path / "any.yml"
    file.write_text(yaml.safe_dump(values))
    try:
        recipe = compiled(str(file)).recipe
    except InputError:
        event("refused")
        return  # refused with a sentence, such as a package name of several lines
    found = render_texts(rendering_of(lab(), compiled(str(file))), lab().library)
    assert not re.search(r"[$%]\{(?!path\.root|var\.)|\{\{", found["packer/build.pkr.hcl"])
    playbook = yaml.load(found["project/playbook.yml"], _Loader)  # noqa: S506  a SafeLoader
    (block,) = [task for task in playbook[0]["tasks"] if "block" in task]
    roles = [task for task in map(_short, block["block"]) if "include_role" in task]
    applied = [task.get("vars", {}) for task in roles if "tasks_from" not in task["include_role"]]
    assert applied == [layer.variables for layer in recipe.layers]
    fetched = [task["vars"] for task in roles if "tasks_from" in task["include_role"]]
    assert fetched == [layer.variables for layer in recipe.layers if layer.role == "pip"]


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def _short(task):
    return {key.removeprefix("ansible.builtin."): value for key, value in task.items()}


def test_a_workspace_holds_the_roles_it_uses_and_no_others(tmp_path):
    workspace = render(rendering("quarry"), fixture_library(), tmp_path)
    roles = {path.name for path in (workspace.project / "roles").iterdir()}
    assert roles == {"base", "dnf", "research_user", "desktop", "sysprep"}
    assert {path.name for path in tmp_path.iterdir()} == {"env", "inventory", "packer", "project", "recipe.json"}


def test_rendering_again_leaves_nothing_of_the_rendering_before(tmp_path):
    render(rendering("studio"), fixture_library(), tmp_path)
    stale = tmp_path / "project/roles/users/tasks/stale.yml"
    stale.write_text("- nonsense\n")
    render(rendering("quarry"), fixture_library(), tmp_path)
    assert not stale.exists()
    roles = {path.name for path in (tmp_path / "project/roles").iterdir()}
    assert roles == {"base", "dnf", "research_user", "desktop", "sysprep"}


def test_roles_that_roles_include_travel_along(tmp_path):
    """Real roles: the one for `user_data` runs its script through the one for `post_install`."""
    file = tmp_path / "scripted.yml"
    file.write_text("name: Scripted\ndescription: d\nbase: debian-12\nuser_data: echo\n")
    need_packer()
    ctx = context()
    compiled_here = compile_template(ctx.library, str(file), {})
    for _ in range(2):
        workspace = render(rendering_of(ctx, compiled_here), ctx.library, tmp_path / "out")
        roles = {path.name for path in (workspace.project / "roles").iterdir()}
        assert roles == {"base", "user_data", "sysprep", *ctx.library.role_closure("user_data")}
        assert len(roles) > 3


def test_the_recipe_stands_beside_it(tmp_path):
    render(rendering("study"), fixture_library(), tmp_path)
    written = json.loads((tmp_path / "recipe.json").read_text())
    assert msgspec.convert(written, Recipe) == compiled("study").recipe


@pytest.mark.parametrize("packer", packers())
@pytest.mark.parametrize("name", ["studio", "study", "quarry", "hostile"])
def test_packer_accepts_it(packer, name, tmp_path):
    workspace = render(rendering(name, packer=packer.executable), fixture_library(), tmp_path)
    packer.validate(request_for(tmp_path, region="eu-west-1", source_ami="ami-0123456789abcdef0"))
    assert workspace.packer.is_dir()


def test_ansible_runner_works_in_it_and_roles_get_every_text_as_it_stands(tmp_path):
    import ansible_runner

    workspace = render(rendering("hostile"), fixture_library(), tmp_path / "workspace")
    (tmp_path / "written").mkdir()
    inventory = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    (workspace.folder / "inventory" / "hosts.json").write_text(json.dumps({"all": {"hosts": {"here": inventory}}}))
    done = ansible_runner.run(
        private_data_dir=str(workspace.folder),
        playbook="playbook.yml",
        cmdline="--check",
        extravars={"cws_written": str(tmp_path / "written")},
        envvars={"ANSIBLE_CONFIG": str(workspace.project / "ansible.cfg"), "HOME": str(tmp_path), "PATH": _path()},
        quiet=True,
    )
    assert done.rc == 0, done.stdout.read()
    given = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "written").iterdir()}
    layers = {layer.role: layer.variables for layer in compiled("hostile").recipe.layers}
    assert given == {
        "base": "",
        "pip": layers["pip"]["pip_packages"],
        "services": layers["services"]["services_list"],
        "post_install": layers["post_install"]["post_install_script"],
    }
    assert not list(tmp_path.rglob("pwned"))


def _path():
    from cws_build.drivers.process import minimal_environment

    return minimal_environment()["PATH"]
