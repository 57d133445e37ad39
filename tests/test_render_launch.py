"""The workspace of a launch: the playbook of a bake, the roles that are missing, and what ansible-runner reads."""

from __future__ import annotations

import json
import shlex

import msgspec

from cws_build.ports.machines import Login
from cws_build.render import Finishing, Target, aim, render, render_texts
from tests.project import compiled, fixture_library, rendering


def finishing(recipe, *, first_layer=1):
    return Finishing(recipe=recipe, first_layer=first_layer, by_ssh=True)


def test_the_playbook_is_that_of_a_bake():
    baked = render_texts(rendering("quarry"), fixture_library())
    launched = render_texts(finishing(compiled("quarry").recipe), fixture_library())
    same = {"project/playbook.yml", "project/ansible.cfg", "recipe.json"}
    assert {name: baked[name] for name in same} == {name: launched[name] for name in same}
    assert not any(name.startswith("packer/") for name in launched)


def test_only_what_is_missing(tmp_path):
    recipe = compiled("quarry").recipe
    last = len(recipe.layers)
    workspace = render(finishing(recipe, first_layer=last), fixture_library(), tmp_path / "work")
    roles = {path.name for path in (workspace.project / "roles").iterdir()}
    assert roles == set(fixture_library().role_closure(recipe.layers[-1].role))
    assert json.loads((workspace.folder / "env" / "extravars").read_bytes()) == {
        "cws_first_layer": last,
        "cws_sysprep": False,
    }
    assert not workspace.packer.exists()


def test_how_the_machine_is_reached(tmp_path):
    workspace = render(finishing(compiled("quarry").recipe), fixture_library(), tmp_path / "work")
    assert json.loads((workspace.folder / "inventory/hosts.json").read_text()) == {"all": {"hosts": {"machine": {}}}}
    login = Login(user="admin", key_file=tmp_path / "a key", known_hosts=tmp_path / "known 100%")
    aim(workspace, Target(address="192.0.2.7", login=login))
    named = workspace.folder / "inventory/host_vars/machine.json"
    host = json.loads(named.read_text())
    options = shlex.split(host["ansible_ssh_common_args"])
    assert (host["ansible_host"], host["ansible_user"]) == ("192.0.2.7", "admin")
    assert options[options.index("-i") + 1] == str(tmp_path / "a key")
    assert f'UserKnownHostsFile="{tmp_path}/known 100%%"' in options
    assert json.loads((workspace.folder / "env/envvars").read_text())["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    aim(workspace, Target(address="192.0.2.7", login=msgspec.structs.replace(login, key_file=None)))
    assert "IdentitiesOnly" not in named.read_text()


def test_a_machine_that_runs_it_itself_has_no_inventory():
    texts = render_texts(Finishing(recipe=compiled("quarry").recipe, first_layer=1), fixture_library())
    assert "inventory/hosts.json" not in texts
