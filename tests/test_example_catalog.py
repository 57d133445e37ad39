"""The example package: an institution's signed catalogue as a tier, installed as any package is."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import tomllib

import pytest

import cws_build
from cws_build.actions.resolve import resolve
from cws_build.errors import CwsError
from cws_build.model.launching import ResolveRequest
from cws_build.sandbox.records import Stranger
from cws_build.testing.account import STRANGER, FakeAccount
from cws_build.testing.make import question, sandbox
from tests.project import ROOT, document, python
from tests.tiers import LONG, SHORT, ids, whys
from tests.world import Account, world

HERE = ROOT / "examples" / "cws-build-institution-catalog"
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
OWNER = "123456789012"
ENTRY = {
    "template": "python-ml",
    "region": "us-east-1",
    "arch": "x86_64",
    "version": '"2.1.0"',
    "ami": LONG,
    "owner": f'"{OWNER}"',
    "approved_by": "Research Computing",
    "approved_on": "2026-11-02",
    "expires": "2027-05-01",
}

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Lay the package into a folder as an installer does: its files, and what pyproject.toml says about them."""
    site = tmp_path_factory.mktemp("site")
    (module,) = (HERE / "src").iterdir()
    shutil.copytree(module, site / module.name, ignore=shutil.ignore_patterns("__pycache__"))
    info = site / f"{module.name}-{PROJECT['version']}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n"
    )
    ((name, target),) = PROJECT["entry-points"]["cws_build"].items()
    info.joinpath("entry_points.txt").write_text(f"[cws_build]\n{name} = {target}\n")
    return site


@pytest.fixture
def plugin(site, monkeypatch):
    """Import the plugin from where it was laid."""
    monkeypatch.syspath_prepend(str(site))
    import cws_build_institution_catalog

    return cws_build_institution_catalog


@pytest.fixture
def key(tmp_path):
    """Make a key and the list of signers that names it."""
    return make_key(tmp_path, "approvals")


@pytest.fixture
def write(tmp_path, key, monkeypatch):
    """Return a function that writes a catalogue, signs it and names it."""
    monkeypatch.setenv("CWS_CATALOG", str(tmp_path / "catalog.yml"))
    monkeypatch.setenv("CWS_CATALOG_SIGNERS", str(tmp_path / "approvals.signers"))

    def run(*entries, text="", signed_by=key, namespace="cws-build-catalog"):
        path = tmp_path / "catalog.yml"
        path.write_text(text or catalogue(*entries))
        path.with_name("catalog.yml.sig").unlink(missing_ok=True)
        if signed_by:
            keygen("-Y", "sign", "-f", signed_by, "-n", namespace, path)
        return path

    return run


def catalogue(*entries):
    blocks = ["\n    ".join(f"{key}: {value}" for key, value in entry.items()) for entry in entries]
    return "images:\n" + "".join(f"  - {block}\n" for block in blocks)


def keygen(*words):
    subprocess.run([shutil.which("ssh-keygen"), "-q", *map(str, words)], check=True, capture_output=True)


def make_key(folder, name):
    keygen("-t", "ed25519", "-N", "", "-C", name, "-f", folder / name)
    public = " ".join((folder / f"{name}.pub").read_text().split()[:2])
    signers = f'{name}@institution.example namespaces="cws-build-catalog" {public}\n'
    (folder / f"{name}.signers").write_text(signers)
    return folder / name


@pytest.fixture
def account():
    return FakeAccount()


def test_an_approved_image_is_found_looked_up_and_says_who_answers_for_it(plugin, write, account):
    account.lookup().add(id=LONG)
    write(ENTRY)
    found = plugin.resolve(question(account=account))
    assert ids(found) == [LONG]
    assert found.candidates[0].version == "2.1.0"
    assert found.reason == f"{LONG} approved by Research Computing; signed by approvals@institution.example"


@pytest.mark.parametrize("other", [{"template": "gpu"}, {"region": "eu-west-1"}, {"arch": "arm64"}])
def test_what_is_approved_for_something_else_is_not_looked_at(plugin, write, account, other):
    write(ENTRY | other)
    assert "approves no image of python-ml" in plugin.resolve(question(account=account)).reason
    assert account.lookup().asked == []


@pytest.mark.parametrize(
    ("entry", "fields", "verdict"),
    [
        ({"expires": "2026-11-19"}, {}, ("too_old", "ended on 2026-11-19")),
        ({}, {"owner": STRANGER}, ("wrong_owner", STRANGER)),
        ({}, {"state": "disabled"}, ("disabled", "enable-image")),
        ({}, {"architecture": "arm64"}, ("wrong_architecture", "arm64")),
        ({"ami": SHORT}, {}, ("not_found", SHORT)),
    ],
)
def test_an_approval_is_held_against_what_ec2_says(plugin, write, entry, fields, verdict):
    account = FakeAccount()
    account.lookup().add(id=LONG, **fields)
    write(ENTRY | entry)
    found = plugin.resolve(question(account=account))
    assert found.candidates == ()
    assert whys(found) == {(ENTRY | entry)["ami"]: verdict[0]}
    assert verdict[1] in found.reason


def test_an_approval_holds_to_the_end_of_its_last_day(plugin, write, account):
    account.lookup().add(id=LONG)
    write(ENTRY | {"expires": "2026-11-20"})
    assert ids(plugin.resolve(question(account=account))) == [LONG]


def refused(plugin, account):
    with pytest.raises(CwsError) as caught:
        plugin.resolve(question(account=account))
    assert account.lookup().asked == [], "nothing of it may be used"
    return caught.value


def test_an_unsigned_catalogue_is_refused(plugin, write, account):
    write(ENTRY, signed_by=None)
    error = refused(plugin, account)
    assert "the signature of the catalogue cannot be read" in error.message
    assert "ssh-keygen -Y sign" in error.hint


def test_an_altered_catalogue_is_refused(plugin, write, account):
    path = write(ENTRY)
    path.write_text(path.read_text().replace(LONG, LONG.replace("0", "1")))
    assert "it was altered" in refused(plugin, account).message


def test_a_catalogue_that_is_altered_after_it_was_used_is_refused(plugin, write, account):
    account.lookup().add(id=LONG)
    path = write(ENTRY)
    assert ids(plugin.resolve(question(account=account))) == [LONG]
    path.write_text(path.read_text() + "# more\n")
    with pytest.raises(CwsError, match="it was altered"):
        plugin.resolve(question(account=account))


def test_a_strangers_signature_is_refused(plugin, write, account, tmp_path):
    write(ENTRY, signed_by=make_key(tmp_path, "stranger"))
    assert "the signature of nobody in" in refused(plugin, account).message


def test_a_signature_that_was_made_for_something_else_is_refused(plugin, write, account):
    write(ENTRY, namespace="git")
    assert "for another purpose" in refused(plugin, account).message


def test_who_names_no_signers_trusts_nobody(plugin, write, account, monkeypatch):
    write(ENTRY)
    monkeypatch.delenv("CWS_CATALOG_SIGNERS")
    assert "nobody is named to sign it" in refused(plugin, account).message


def test_without_a_catalogue_the_tier_says_how_to_name_one(plugin, account, monkeypatch):
    monkeypatch.delenv("CWS_CATALOG", raising=False)
    assert "set CWS_CATALOG" in plugin.resolve(question(account=account)).reason


def test_all_mistakes_are_told_at_once_with_their_lines(plugin, write, account):
    wrong = {"ami": "ami-0xyz", "owner": "123456789012", "expires": "2025-01-01", "colour": "red"}
    lacking = {key: value for key, value in ENTRY.items() if key != "approved_by"} | {"arch": "sparc", "version": "2.1"}
    path = write(ENTRY, ENTRY | wrong, lacking, ENTRY)
    message = refused(plugin, account).message
    for line, said in [
        (11, "ami is 'ami-0xyz'"),
        (11, "owner is 123456789012; it must be the 12 digits of an account, in quotes"),
        (11, "it expires on 2025-01-01, before it is approved"),
        (11, "there is no field colour"),
        (11, "template, region, arch and version are those of line 2"),
        (21, "approved_by is missing"),
        (21, "arch is 'sparc'"),
        (21, "version is 2.1"),
        (29, "template, region, arch and version are those of line 2"),
    ]:
        assert re.search(rf"{re.escape(str(path))}:{line}: {re.escape(said)}", message), (line, said, message)


@pytest.mark.parametrize("text", ["images: {}\n", "[]\n", "other: []\n", "images: [1]\n", "images: [\n", "\n"])
def test_what_is_no_catalogue_is_said_to_be_none(plugin, write, account, text):
    write(text=text)
    assert "is no catalogue" in refused(plugin, account).message


def test_the_catalogue_of_the_package_is_one(plugin):
    text = (HERE / "catalog.example.yml").read_bytes()
    (entry,) = plugin.read_catalog(text, "catalog.example.yml")
    assert entry.template == "python-ml"


def run(site, *words, **environment):
    program = f"import sys; from cws_build.frontends.cli import main; raise SystemExit(main({list(words)!r}))"
    return python(program, PYTHONPATH=os.pathsep.join([str(ROOT), str(site)]), **environment)


def test_the_command_line_lists_it_as_an_installed_package(site, tmp_path):
    done = run(site, "plugins", "--json", CWS_BUILD_STATE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (listed,) = [one for one in document(done.stdout) if one["name"] == "institution_catalog"]
    assert listed["origin"] == "cws-build-institution-catalog"
    assert listed["version"] == PROJECT["version"]
    assert listed["hooks"] == ["cws_resolution_tiers"]
    assert listed["ranks"] == {"institution": 150}


def test_a_resolution_asks_it_in_its_turn(site, write, tmp_path, home, monkeypatch):  # noqa: ARG001  plugins need a home
    monkeypatch.syspath_prepend(str(site))
    account = Account()
    account.cloud().add(LONG, owner=OWNER)
    write(ENTRY | {"template": "studio"})
    ctx = world(tmp_path / "runs", account)
    found = resolve(ctx, ResolveRequest(template="studio", architecture="x86_64")).resolution
    assert (found.method, found.chosen.ami.id, found.chosen.version) == ("institution_catalog", LONG, "2.1.0")
    assert [attempt.tier for attempt in found.attempts][:3] == ["direct", "institution", "search"]
    path = tmp_path / "catalog.yml"
    path.write_text(path.read_text() + "# altered\n")
    found = resolve(ctx, ResolveRequest(template="studio", architecture="x86_64")).resolution
    refused = next(attempt for attempt in found.attempts if attempt.tier == "institution")
    assert (refused.outcome, found.chosen) == ("failed", None)
    assert "it was altered" in refused.reason


def test_the_command_line_resolves_with_it(site, write, tmp_path):
    pytest.importorskip("moto", reason="the extra sandbox is not installed")
    with sandbox(tmp_path / "sandbox", tmp_path / "cache") as box:
        placed = box.add_image(Stranger(name="approved", architecture="x86_64"))
        write(ENTRY | {"ami": placed.image_id, "owner": f'"{STRANGER}"'})
        place = box.up(lambda _event: None)
        names = ("CWS_CATALOG", "CWS_CATALOG_SIGNERS")
        environment = {name: os.environ[name] for name in names}
        environment |= {"AWS_ENDPOINT_URL": place.url, "AWS_ACCESS_KEY_ID": place.access_key}
        environment |= {"AWS_SECRET_ACCESS_KEY": place.secret_key, "AWS_EC2_METADATA_DISABLED": "true"}
        environment |= {"CWS_BUILD_STATE": str(tmp_path / "state"), "CWS_BUILD_CACHE": str(tmp_path / "cache")}
        words = ("resolve", "python-ml", "--region", "us-east-1", "--arch", "x86_64", "--json")
        done = run(site, *words, **environment)
    assert done.returncode == 0, done.stderr
    answer = document(done.stdout)
    assert (answer["method"], answer["ami"]["id"]) == ("institution_catalog", placed.image_id)


def test_it_imports_public_names_alone():
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "cws_build":
                assert node.module == "cws_build"
                assert {alias.name for alias in node.names} <= set(cws_build.__all__)
