"""The workspace of a launch: the playbook of a bake, the roles that are missing, and what ansible-runner reads."""

from __future__ import annotations

import json
import shlex

from cws_build.ports.machines import Login
from cws_build.render import Finishing, Target, render, render_texts
from tests.project import compiled, fixture_library, rendering


def finishing(recipe, tmp_path, *, first_layer=1, key=True):
    login = Login(user="admin", key_file=tmp_path / "a key" if key else None, known_hosts=tmp_path / "known 100%")
    return Finishing(recipe=recipe, first_layer=first_layer, target=Target(address="192.0.2.7", login=login))


def test_the_playbook_is_that_of_a_bake(tmp_path):
    baked = render_texts(rendering("quarry"), fixture_library())
    launched = render_texts(finishing(compiled("quarry").recipe, tmp_path), fixture_library())
    same = {"project/playbook.yml", "project/ansible.cfg", "recipe.json"}
    assert {name: baked[name] for name in same} == {name: launched[name] for name in same}
    assert not any(name.startswith("packer/") for name in launched)


def test_only_what_is_missing(tmp_path):
    recipe = compiled("quarry").recipe
    last = len(recipe.layers)
    workspace = render(finishing(recipe, tmp_path, first_layer=last), fixture_library(), tmp_path / "work")
    roles = {path.name for path in (workspace.project / "roles").iterdir()}
    assert roles == set(fixture_library().role_closure(recipe.layers[-1].role))
    assert json.loads((workspace.folder / "env" / "extravars").read_bytes()) == {
        "cws_first_layer": last,
        "cws_sysprep": False,
    }
    assert not workspace.packer.exists()


def test_how_the_machine_is_reached(tmp_path):
    recipe = compiled("quarry").recipe
    texts = render_texts(finishing(recipe, tmp_path), fixture_library())
    host = json.loads(texts["inventory/hosts.json"])["all"]["hosts"]["machine"]
    options = shlex.split(host["ansible_ssh_common_args"])
    assert (host["ansible_host"], host["ansible_user"]) == ("192.0.2.7", "admin")
    assert options[options.index("-i") + 1] == str(tmp_path / "a key")
    assert f'UserKnownHostsFile="{tmp_path}/known 100%%"' in options
    assert json.loads(texts["env/envvars"])["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    agents = render_texts(finishing(recipe, tmp_path, key=False), fixture_library())
    assert "IdentitiesOnly" not in agents["inventory/hosts.json"]


def test_a_machine_that_runs_it_itself_has_no_inventory():
    texts = render_texts(Finishing(recipe=compiled("quarry").recipe, first_layer=1), fixture_library())
    assert "inventory/hosts.json" not in texts
