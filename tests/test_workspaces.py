"""Every template there is, rendered, and shown to the real Packer, Ansible and ansible-lint."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from cws_build.actions.build_image import rendering_of
from cws_build.actions.compile import compile_template
from cws_build.drivers.packer import PackerCli
from cws_build.drivers.process import minimal_environment
from cws_build.render import render
from tests.project import CORPUS, CURRENT_PACKER, LIBRARY, ROOT, context, need_packer, needs_corpus
from tests.test_render import request_for

OWN = sorted((ROOT / "templates").glob("*.yml")) + sorted((LIBRARY / "templates").glob("*.yml"))
THEIRS = sorted(CORPUS.glob("*.yml"))


def rendered(folder, packer=""):
    """Render every template for one Packer; return the workspaces' folders."""
    need_packer()
    ctx, own = context(packer=packer), context(LIBRARY, packer=packer)
    folders = []
    for path in OWN + THEIRS:
        ctx_here = own if path.is_relative_to(LIBRARY) else ctx
        compiled = compile_template(ctx_here.library, str(path), {}, architecture="x86_64")
        folders.append(render(rendering_of(ctx_here, compiled), ctx_here.library, folder / path.stem).folder)
    return folders


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    return rendered(tmp_path_factory.mktemp("ws"))


@needs_corpus
def test_all_eleven_templates_of_the_corpus_take_part():
    assert len(THEIRS) == 11


def program(name):
    """Return the path of a program, skipping where it is not installed."""
    path = shutil.which(name, path=minimal_environment()["PATH"])
    if not path:
        pytest.skip(f"{name} is not installed")
    return path


def run(argv, folder, **environment):
    done = subprocess.run(
        list(map(str, argv)),
        cwd=folder,
        env={"PATH": minimal_environment()["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", **environment},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def validate_all(packer, folders):
    """Validate workspaces, two at a time, with nothing said but what they say themselves."""

    def validate(folder):
        packer.validate(request_for(folder))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(validate, folders))


def test_the_installed_packer_accepts_every_template(workspaces):
    program("packer")
    validate_all(PackerCli("packer"), workspaces)


current = pytest.mark.skipif(not os.access(CURRENT_PACKER, os.X_OK), reason="no current Packer was built")


@pytest.mark.timeout(300)
@current
def test_a_current_packer_accepts_every_template(tmp_path):
    validate_all(PackerCli(str(CURRENT_PACKER)), rendered(tmp_path, str(CURRENT_PACKER)))


@pytest.mark.parametrize(
    "packer", ["packer", pytest.param(str(CURRENT_PACKER), marks=current)], ids=["installed", "current"]
)
def test_packers_own_formatter_has_nothing_to_do(packer, workspaces, tmp_path):
    for folder in workspaces:
        for file in (folder / "packer").glob("*.hcl"):
            shutil.copy(file, tmp_path / f"{folder.name}-{file.name}")
    shutil.copy(ROOT / "packer" / "plugins.pkr.hcl", tmp_path)
    assert run([program(packer), "fmt", "-check", "-diff", "."], tmp_path, CHECKPOINT_DISABLE="1") == ""


def test_ansible_accepts_every_playbook(workspaces, tmp_path):
    playbooks = [folder / "project" / "playbook.yml" for folder in workspaces]
    said = run([program("ansible-playbook"), "--syntax-check", "-i", "localhost,", *playbooks], tmp_path)
    assert said.count("playbook:") == len(playbooks)


@pytest.mark.timeout(300)
def test_ansible_lint_has_no_finding(workspaces, tmp_path):
    """All playbooks side by side over one set of roles: the roles are the same ones in every workspace."""
    for folder in workspaces:
        if folder.name in {path.stem for path in (LIBRARY / "templates").glob("*.yml")}:
            continue
        shutil.copytree(folder / "project" / "roles", tmp_path / "roles", dirs_exist_ok=True)
        shutil.copy(folder / "project" / "playbook.yml", tmp_path / f"{folder.name.replace('.', '_')}.yml")
    playbooks = sorted(path.name for path in tmp_path.glob("*.yml"))
    (tmp_path / ".ansible-lint").write_text("offline: true\nexclude_paths: [roles]\n")
    run([program("ansible-lint"), "--offline", "--profile", "production", "-q", *playbooks], tmp_path)
