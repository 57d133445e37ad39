"""The roles: lint and syntax here, and what they do to a real machine where machines can boot."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "roles"))
import machine

ROLES = machine.ROLES
PLAYS = Path(__file__).parent / "roles"
NAMES = sorted(path.parent.parent.name for path in ROLES.glob("*/tasks/main.yml"))


def test_all_roles_of_the_format_are_there():
    packages = ["apt", "conda", "dnf", "pip", "spack"]
    frame = ["base", "sysprep"]
    sections = ["desktop", "files", "idle_detection", "post_install", "research_user", "services", "user_data", "users"]
    assert sorted(packages + frame + sections) == NAMES


def test_each_role_is_valid_in_a_play(tmp_path):
    if not machine.tool("ansible-playbook"):
        pytest.skip("ansible-playbook is not installed")
    # roles:, unlike include_role, is read by --syntax-check
    playbook = tmp_path / "roles.yml"
    playbook.write_text("- hosts: all\n  roles:\n" + "".join(f"    - {name}\n" for name in NAMES))
    done = machine.play(playbook, "--syntax-check", "-i", "localhost,")
    assert done.code == 0, done.output


@pytest.mark.parametrize("name", NAMES)
def test_variables_carry_the_name_of_their_role(name):
    import yaml

    for part in ("defaults", "vars"):
        path = ROLES / name / part / "main.yml"
        variables = yaml.safe_load(path.read_text()) if path.exists() else {}
        assert [key for key in variables if not key.startswith(f"{name}_")] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_default_is_documented(name):
    import yaml

    defaults = ROLES / name / "defaults" / "main.yml"
    specs = yaml.safe_load((ROLES / name / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
    for variable in yaml.safe_load(defaults.read_text()) if defaults.exists() else {}:
        assert variable in specs["options"]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    reason = machine.lacking()
    if reason:
        pytest.skip(reason)
    host = machine.Host(tmp_path_factory.mktemp("machines"))
    yield host
    host.clear()


@pytest.fixture(scope="module")
def baked(host):
    """A machine with all layers on it."""
    built = host.boot(host.base)
    for name in ("standins.yml", "layers.yml"):
        played = built.play(PLAYS / name)
        assert played.code == 0, played.output
    return built


@pytest.fixture(scope="module")
def launched(host, baked):
    """A new instance of the image that was made of it, and what the first one said of itself before."""
    before = baked.run(
        "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /home/scientist/.local/share/jupyter/runtime/*secret"
    )
    played = baked.play(PLAYS / "sysprep.yml")
    assert played.code == 0, played.output
    return host.boot(baked.keep()), before


UNCOMPILED = """
cd /opt/cws/python/lib/python3*/site-packages
find . -name '*.py' | while read -r file; do
    set -- "${file%/*}/__pycache__/$(basename "$file" .py)".*.pyc
    [ -e "$1" ] || echo "$file"
done
ls /var/lib/cws-build
"""
"""Prints what is not compiled, and what is still to be."""


@pytest.mark.machines
@pytest.mark.timeout(400)
def test_a_launch_compiles_after_it_and_an_image_finishes_that(host):
    new = host.boot(host.base)
    for expected in (True, False):
        played = new.play(PLAYS / "alone.yml", "-e", "{cws_sysprep: false}")
        assert played.code == 0, played.output
        assert bool(played.changed()) is expected
    new.run("systemctl start --wait cws-bytecode@opt-cws-python.service")
    assert new.run(UNCOMPILED) == ""
    assert new.run("/opt/cws/python/bin/python -m pip --version; systemctl --failed --no-legend").startswith("pip ")

    new.run("find /opt/cws/python -name '*.pyc' -delete; touch /var/lib/cws-build/bytecode-opt-cws-python")
    played = new.play(PLAYS / "alone.yml", "-e", "{cws_sysprep: true}")
    assert played.code == 0, played.output
    assert new.run(UNCOMPILED) == ""


FETCHED = "until find /var/cache/cws-build/uv -name 'packaging-*.dist-info' | grep .; do sleep 0.2; done"


@pytest.mark.machines
@pytest.mark.timeout(400)
def test_python_packages_are_fetched_as_soon_as_a_layer_has_brought_pip(host):
    new = host.boot(host.base)
    new.run("! python3 -c 'import ensurepip' 2>/dev/null")
    played = new.play(PLAYS / "fetched.yml")
    assert played.code == 0, played.output
    assert "packaging-" in new.run(f"timeout 120 sh -c {shlex.quote(FETCHED)}")
    new.run("test ! -e /opt/cws/python")
    # The layer that brought it has read the index without translations, which the machine's own update brings.
    translated = "ls /var/lib/apt/lists | grep -c Translation || true"
    assert (new.run(translated), new.run("apt-get update -qq && " + translated) != "0") == ("0", True)


@pytest.mark.machines
@pytest.mark.timeout(400)
class TestOnAMachine:
    def test_a_second_run_changes_nothing(self, baked):
        played = baked.play(PLAYS / "layers.yml")
        assert played.code == 0, played.output
        assert played.changed() == []

    def test_packages_are_there(self, baked):
        assert baked.run("jq --version && tree --version && /opt/cws/python/bin/python -c 'import packaging'")
        assert baked.run("bash -lc 'command -v jupyter-lab'") == "/opt/cws/python/bin/jupyter-lab"

    def test_conda_gets_one_call_with_everything(self, baked):
        calls = baked.run("cat /opt/conda-standin/calls").splitlines()
        assert calls[0] == "install --yes --quiet --name base python=3.11 numpy"
        assert "- conda-forge" in baked.run("cat /opt/conda-standin/.condarc")

    def test_spack_builds_one_environment(self, baked):
        assert baked.run("cat /opt/spack/built").splitlines() == ["hdf5 +mpi", "fftw"]

    def test_users_can_log_in_and_administer(self, baked):
        assert {"sudo", "docker"} <= set(baked.run("id -nG scientist").split())
        assert "sudo" in baked.run("id -nG admin").split()
        assert baked.run("runuser -u scientist -- sudo -n id -u") == "0"

    def test_texts_of_templates_stay_as_they_are(self, baked):
        assert baked.run("cat /srv/post-install") == 'kept: {{ 7 * 7 }} ${x} "quoted"'
        assert baked.run("runuser -u alice -- bash -lc 'echo \"$GREETING\"'") == "it's {{ 7 * 7 }} $HOME"
        assert baked.run("curl -fsS http://127.0.0.1:8888/lab/api")

    def test_scripts_run_once_with_the_interpreter_they_name(self, baked):
        assert baked.run("cat /srv/user-data") == "ran"

    def test_a_disabled_service_is_stopped(self, baked):
        assert baked.run("systemctl is-enabled systemd-pstore; systemctl is-active systemd-pstore; true").split() == [
            "disabled",
            "inactive",
        ]

    def test_shared_folders_belong_to_the_group(self, baked):
        baked.run("runuser -u scientist -- sg cws-shared 'umask 002; touch /srv/shared/a'")
        assert baked.run("stat -c %G /srv/shared/a") == "cws-shared"

    def test_provisioning_counts_as_use(self, baked):
        assert "in use: " in baked.login("sudo /usr/local/lib/cws-build/idle-check 0 100000")
        assert baked.run("systemctl is-active cws-idle.timer") == "active"

    def test_a_script_that_fails_is_quoted(self, baked):
        played = baked.play(PLAYS / "broken_script.yml")
        assert played.code == 2
        assert "about to read the licence" in played.output
        assert "/no/such/licence: No such file" in played.output
        assert "never said" not in played.output.split("Its last lines")[-1]

    def test_an_image_holds_nothing_of_the_bake(self, baked, launched):
        left = (
            "ls /etc/ssh/ssh_host_* /home/*/.ssh/authorized_keys /root/.ssh/authorized_keys /var/lib/cloud/instances/*"
        )
        assert baked.run(f"{left} /root/.bash_history /home/*/.local/share/jupyter/runtime/* 2>/dev/null; true") == ""
        assert baked.run("cat /etc/machine-id /var/log/cloud-init.log 2>/dev/null; true") == ""
        assert baked.run("cat /var/log/{wtmp,btmp,lastlog} 2>/dev/null; true") == ""
        assert baked.run("find /var/lib/apt/lists -type f -not -name lock; stat -c %Y /var/lib/apt/lists") == "0"
        assert launched

    def test_a_new_machine_has_its_own_identity(self, launched):
        new, before = launched
        # The server makes its secret when it starts.
        new.run("curl -fsS --retry 30 --retry-delay 1 --retry-all-errors http://127.0.0.1:8888/lab/api")
        now = new.run(
            "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /home/scientist/.local/share/jupyter/runtime/*secret"
        )
        assert not set(now.splitlines()) & set(before.splitlines())
        assert new.login("id -un") == machine.LOGIN
        assert new.run("stat -c %U:%G /var/log/wtmp") == "root:utmp"

    def test_a_new_machine_serves_without_provisioning(self, launched):
        new, _ = launched
        new.run("curl -fsS --retry 30 --retry-delay 1 --retry-all-errors http://127.0.0.1:8888/lab/api")
        assert new.run("ps -o user= -C jupyter-lab") == "scientist"
        assert new.run("systemctl --failed --no-legend") == ""

    def test_the_research_user_gets_the_keys_of_the_launch(self, launched):
        new, _ = launched
        assert new.run("cut -d' ' -f2 /home/alice/.ssh/authorized_keys") in new.host.key.with_suffix(".pub").read_text()
