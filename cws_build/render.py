"""Recipe -> workspace: the folder that one run works in.

The layout is ansible-runner's, with Packer's beside it, and a person can work in it by hand::

    project/    playbook.yml  ansible.cfg  roles/  callback_plugins/
    inventory/  env/          what ansible-runner reads at launch
    packer/     build.pkr.hcl plugins.pkr.hcl
    recipe.json               layers with their digests
"""

from __future__ import annotations

import functools
import json
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.errors import InputError
from cws_build.library import role_files
from cws_build.model import quoting
from cws_build.model.packer_versions import Capabilities
from cws_build.model.recipe import Recipe
from cws_build.ports.machines import Login

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jinja2

    from cws_build.library import Library

_ANSIBLE_CFG = """\
# Rendered by cws-build. Paths are relative to this file.
[defaults]
roles_path = roles
callback_plugins = callback_plugins
callbacks_enabled = cws_events
host_key_checking = false
interpreter_python = auto_silent
retry_files_enabled = false
nocows = true
timeout = 30
internal_poll_interval = 0.01

[ssh_connection]
pipelining = true
ssh_args = -o ControlMaster=auto -o ControlPersist=120s -o ServerAliveInterval=15
"""

_PUMP_SECONDS = 1
"""How often ansible-runner looks whether it shall stop."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that an image is baked on."""

    instance_type: str
    volume_gb: int
    root_device: str
    ssh_user: str
    filter: dict[str, str] | None = None
    """``owner`` and ``name`` pattern of the base image; None where only an id is known."""
    amis: dict[str, str] = {}
    """Region -> base image, for a template that names its own."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that a launch finishes, as it is reached by SSH."""

    address: str
    login: Login


class ImageLabels(msgspec.Struct, frozen=True, kw_only=True):
    """What the finished image is called."""

    name: str
    description: str
    tags: dict[str, str]


class Workspace(msgspec.Struct, frozen=True):
    """A rendered folder."""

    folder: Path

    @property
    def packer(self) -> Path:
        """Where Packer runs."""
        return self.folder / "packer"

    @property
    def project(self) -> Path:
        """Where Ansible's playbook, settings and roles are."""
        return self.folder / "project"


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a workspace for a bake is made from."""

    recipe: Recipe
    machine: Machine
    image: ImageLabels
    capabilities: Capabilities


class Finishing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a workspace for a launch is made from: Packer takes no part in it."""

    recipe: Recipe
    first_layer: int
    """Number of the first layer that the machine lacks, from 1; roles of earlier ones are left out."""
    by_ssh: bool = False
    """Ansible runs here, on a machine that `aim` names; otherwise the machine runs the workspace by itself."""


def render(rendering: Rendering | Finishing, library: Library, folder: Path) -> Workspace:
    """Write a workspace into ``folder``, which is created; files of an earlier rendering are replaced."""
    workspace = Workspace(folder)
    for part in ("project/roles", "inventory", "env", *(["packer"] if isinstance(rendering, Rendering) else [])):
        (folder / part).mkdir(parents=True, exist_ok=True)
    roles = _needed(library, rendering)
    for role in _rendered_before(folder, library) - roles:
        shutil.rmtree(workspace.project / "roles" / role, ignore_errors=True)
    _write_texts(rendering, library, workspace)
    for role in sorted(roles):
        _copy_role(library.role(role), workspace.project / "roles" / role)
    callbacks = workspace.project / "callback_plugins"
    callbacks.mkdir(exist_ok=True)
    shutil.copy2(library.file("playbooks", "callback_plugins", "cws_events.py"), callbacks)
    return workspace


def aim(workspace: Workspace, target: Target) -> None:
    """Name the machine that a workspace is for.

    It stands in a file of its own, which Ansible reads when the machine's first task is due: Ansible may have started
    while the machine still boots.
    """
    host = {
        "ansible_host": target.address,
        "ansible_user": target.login.user,
        "ansible_ssh_common_args": shlex.join(target.login.options),
    }
    place = workspace.folder / "inventory" / "host_vars" / "machine.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(_json(host), encoding="utf-8")


def render_sysprep(library: Library, folder: Path) -> Workspace:
    """Write a workspace that runs the role sysprep by SSH, and nothing else, into ``folder``."""
    workspace = Workspace(folder)
    for part in ("project/roles", "project/callback_plugins", "inventory", "env"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    shutil.copy2(library.file("playbooks", "sysprep.yml"), workspace.project / "playbook.yml")
    (workspace.project / "ansible.cfg").write_text(_ANSIBLE_CFG, encoding="utf-8")
    for name, text in _runner_texts({}, by_ssh=True).items():
        (folder / name).write_text(text, encoding="utf-8")
    for role in library.role_closure("sysprep"):
        _copy_role(library.role(role), workspace.project / "roles" / role)
    shutil.copy2(library.file("playbooks", "callback_plugins", "cws_events.py"), workspace.project / "callback_plugins")
    return workspace


def render_texts(rendering: Rendering | Finishing, library: Library) -> dict[str, str]:
    """Return the files that depend on the recipe, by their path inside the workspace."""
    values = {"recipe": rendering.recipe, "record": record(rendering.recipe)}
    return {
        "project/playbook.yml": _skeleton(library, "playbooks", "playbook.yml.j2").render(values),
        "project/ansible.cfg": _ANSIBLE_CFG,
        "recipe.json": json.dumps(msgspec.to_builtins(rendering.recipe), indent=2, sort_keys=True) + "\n",
        **(_packer_texts(rendering, library) if isinstance(rendering, Rendering) else _finishing_texts(rendering)),
    }


def _packer_texts(rendering: Rendering, library: Library) -> dict[str, str]:
    values = {
        "recipe": rendering.recipe,
        "machine": rendering.machine,
        "image": rendering.image,
        "capabilities": rendering.capabilities,
    }
    texts = {"packer/build.pkr.hcl": _skeleton(library, "packer", "build.pkr.hcl.j2").render(values)}
    if rendering.capabilities.required_plugins:
        texts["packer/plugins.pkr.hcl"] = library.file("packer", "plugins.pkr.hcl").read_text()
    return texts


def _finishing_texts(finishing: Finishing) -> dict[str, str]:
    variables = {"cws_first_layer": finishing.first_layer, "cws_sysprep": False}
    return _runner_texts(variables, by_ssh=finishing.by_ssh)


def _runner_texts(variables: Mapping[str, object], *, by_ssh: bool) -> dict[str, str]:
    """Return what ansible-runner reads; ``ansible-runner run FOLDER -p playbook.yml`` does the same by hand."""
    settings = {"pexpect_timeout": _PUMP_SECONDS, "suppress_output_file": True}
    files: dict[str, object] = {"env/extravars": variables, "env/settings": settings}
    if by_ssh:
        files |= {
            "inventory/hosts.json": {"all": {"hosts": {"machine": {}}}},
            "env/envvars": {"ANSIBLE_HOST_KEY_CHECKING": "True", "ANSIBLE_SSH_RETRIES": "4"},
        }
    return {name: _json(content) for name, content in files.items()}


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"


def record(recipe: Recipe) -> dict[str, Any]:
    """Return what a finished machine says of itself: which recipe, and the layers in their order."""
    return {
        "template": recipe.template,
        "version": recipe.version,
        "architecture": recipe.architecture,
        "base": recipe.base,
        "layers": [{"name": layer.name, "digest": layer.digest} for layer in recipe.layers],
    }


def _needed(library: Library, rendering: Rendering | Finishing) -> set[str]:
    if isinstance(rendering, Rendering):
        return _roles(library, rendering.recipe)
    missing = rendering.recipe.layers[rendering.first_layer - 1 :]
    return {role for layer in missing for role in library.role_closure(layer.role)}


def _roles(library: Library, recipe: Recipe) -> set[str]:
    """Return every role that a recipe's playbook runs, those that its roles include among them."""
    return {role for layer in recipe.layers for role in library.role_closure(layer.role)} | {"sysprep"}


def _rendered_before(folder: Path, library: Library) -> set[str]:
    """Return the roles of an earlier rendering, by its own word: what else is in a folder is not ours to remove."""
    try:
        return _roles(library, msgspec.json.decode((folder / "recipe.json").read_bytes(), type=Recipe))
    except (OSError, msgspec.DecodeError, InputError):
        return set()


def _write_texts(rendering: Rendering | Finishing, library: Library, workspace: Workspace) -> None:
    texts = render_texts(rendering, library)
    if "packer/plugins.pkr.hcl" not in texts:
        (workspace.packer / "plugins.pkr.hcl").unlink(missing_ok=True)
    for name, text in texts.items():
        (workspace.folder / name).write_text(text, encoding="utf-8")


def _copy_role(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for file in role_files(source):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)


def _skeleton(library: Library, part: str, name: str) -> jinja2.Template:
    return _template(library.file(part, name).read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=8)
def _template(text: str) -> jinja2.Template:
    return _environment().from_string(text)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2.sandbox

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    filters = {"hcl": quoting.hcl, "go": quoting.go, "yaml": quoting.yaml, "comment": quoting.comment}
    environment.filters.update(filters)
    return environment
