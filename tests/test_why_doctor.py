"""``bake --why`` and ``doctor``: what differs, and what is missing."""

from __future__ import annotations

import json
import os

import msgspec
import pytest

from cws_build.actions.doctor import examine
from cws_build.actions.why import explain_bake
from cws_build.errors import ToolMissing
from cws_build.model.baking import BakeRequest
from cws_build.model.image import RUN_TAG
from cws_build.model.image_tags import PARTIAL_TAG, content_tags
from tests.project import LIBRARY, compiled, python
from tests.test_recipes import variant
from tests.world import Account, world


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def why(tmp_path, account):
    return lambda template="studio": explain_bake(
        world(tmp_path / "state", account), BakeRequest(template=str(template), architecture="x86_64")
    )


def bake(account, tmp_path, template="studio", *, known=True, **tags):
    """Add the image of a template, as if it had been baked here, or elsewhere."""
    recipe = compiled(str(template)).recipe
    if known:
        folder = tmp_path / "state" / "runs" / "run-1" / "workspace"
        folder.mkdir(parents=True)
        (folder / "recipe.json").write_text(json.dumps(msgspec.to_builtins(recipe)))
    made = content_tags(recipe, len(recipe.layers)) | {RUN_TAG: "run-1"} | tags
    return account.cloud().add("ami-1", tags=made)


def told(found):
    return [(change.kind, change.layer, *change.fields) for change in found.changes]


def test_there_is_nothing_to_compare_with(why):
    assert why().text() == "studio x86_64 in us-east-1: there is no image yet"


def test_a_partial_image_is_nothing_to_compare_with(why, account, tmp_path):
    bake(account, tmp_path, **{PARTIAL_TAG: "3/10"})
    assert why().ami_id is None


def test_up_to_date(why, account, tmp_path):
    bake(account, tmp_path)
    assert why().text() == "studio x86_64 in us-east-1: ami-1 is up to date"


def test_what_differs_is_told_item_by_item(why, account, tmp_path):
    bake(account, tmp_path)
    changed = variant(tmp_path, "packages: {system: [git, htop], pip: ['numpy>=2', jupyterlab]}")
    found = why(changed)
    assert not found.up_to_date
    assert told(found)[:3] == [
        ("changed", "apt", "apt_packages: - tmux", "apt_packages: + htop"),
        ("changed", "pip", "pip_packages: the same in another order"),
        ("follows", "users"),
    ]
    assert "differs from ami-1\n  changed  apt\n             apt_packages: - tmux\n" in found.text()


def test_scripts_are_told_line_by_line(why, account, tmp_path):
    bake(account, tmp_path)
    text = "post_install: |\n  echo {{.greeting}}\n  echo and goodbye\n"
    assert told(why(variant(tmp_path, text)))[0] == (
        *("changed", "post_install", "post_install_script: + echo and goodbye"),
    )


def test_layers_come_and_go(why, account, tmp_path):
    bake(account, tmp_path)
    found = told(why(variant(tmp_path, "user_data: ''\npackages: {system: [git, tmux], conda: [scipy]}")))
    assert ("added", "conda") in found
    assert found[-2:] == [("removed", "pip"), ("removed", "user_data")]


def test_an_image_baked_elsewhere_shows_its_layers_alone(why, account, tmp_path):
    bake(account, tmp_path, known=False)
    found = told(why(variant(tmp_path, "packages: {system: [git], pip: [jupyterlab, 'numpy>=2']}")))
    assert found[:2] == [("changed", "apt"), ("follows", "pip")]


def test_secrets_are_masked(why, account, tmp_path):
    before = variant(tmp_path, "post_install: |\n  export API_TOKEN=old-secret-1234\n  true\n")
    bake(account, tmp_path, before)
    found = why(variant(tmp_path, "post_install: |\n  export API_TOKEN=new-secret-5678\n  true\n"))
    assert "secret" not in found.text()
    assert "API_TOKEN=***" in found.text()


def test_long_differences_are_cut(why, account, tmp_path):
    bake(account, tmp_path)
    found = why(variant(tmp_path, f"packages: {{system: [git, tmux, {'x' * 500}]}}"))
    assert max(map(len, found.text().splitlines())) < 160


def doctor(tmp_path, account, **seams):
    ctx = world(tmp_path, account, **{"sandbox_lacks": list, "ansible_version": lambda: "2.19.0"} | seams)
    return {finding.name: finding for finding in examine(ctx)}


def test_everything_is_there(tmp_path, account):
    found = doctor(tmp_path, account)
    assert found["ansible"].detail == "ansible-core 2.19.0"
    assert found["aws credentials"].detail.endswith("user/ada")
    assert found["sandbox"].status == "ok"
    assert found["disk"].detail.endswith(str(tmp_path))
    assert all(finding.fix or finding.status == "ok" for finding in found.values())


def test_without_credentials(tmp_path, account):
    account.cloud().fails = "no credentials"
    finding = doctor(tmp_path, account)["aws credentials"]
    assert (finding.status, finding.detail, finding.fix) == ("optional", "no credentials", "wait")


@pytest.mark.parametrize(("sandbox", "status"), [(True, "missing"), (False, "optional")])
def test_what_the_sandbox_lacks_counts_where_it_is_used(tmp_path, account, sandbox, status):
    lacks = lambda: [ToolMissing("podman is not installed", hint="apt-get install podman")]  # noqa: E731
    finding = doctor(tmp_path, account, sandbox=sandbox, sandbox_lacks=lacks)["sandbox"]
    assert (finding.status, finding.detail, finding.fix) == (
        status,
        "podman is not installed",
        "apt-get install podman",
    )


def test_an_empty_path(tmp_path):
    """Each missing thing comes with its fix; nothing is raised."""
    (tmp_path / "bin").mkdir()
    done = python(
        "import sys; sys.executable = sys.argv[1]\n"
        "from cws_build.frontends.cli import main; raise SystemExit(main(['doctor', '--json']))",
        str(tmp_path / "bin" / "python"),
        PATH=str(tmp_path / "bin"),
        HOME=str(tmp_path),
        CWS_BUILD_STATE=str(tmp_path),
        AWS_EC2_METADATA_DISABLED="true",
    )
    assert done.returncode == 6, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    for name in ("packer", "ansible", "ssh", "ssh-keygen"):
        assert found[name]["status"] == "missing", found[name]
        assert "install" in found[name]["fix"], found[name]
    assert all(finding["fix"] for finding in found.values() if finding["status"] != "ok")


def test_doctor_on_this_machine(cws):
    done = cws("doctor", "--library", LIBRARY)
    assert done.code in {0, 6}
    assert all(line.startswith(("✓ ", "✗ ", "- ", "    → ")) for line in done.out.splitlines())
    assert "packer" in done.out
    assert os.environ["CWS_BUILD_STATE"].split("/state")[0] in done.out
