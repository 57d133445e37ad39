"""What machines take over from this computer, and what it must have: read from given files and variables."""

from __future__ import annotations

import pytest

from cws_build.errors import ToolMissing
from cws_build.sandbox.base import recipe_key
from cws_build.sandbox.base_files import login_files
from cws_build.sandbox.host import TRUST, environment
from cws_build.sandbox.mirror import DEFAULT, SECURITY, Mirror, find_mirror
from cws_build.sandbox.podman import write_config
from cws_build.sandbox.requirements import Requirement, refuse


def apt(folder, **files):
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        (folder / "sources.list.d" / name.replace("_", ".")).write_text(text)
    return folder


def test_the_mirror_of_one_line_sources(tmp_path):
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example/debian bookworm main\n"
        "deb [arch=amd64] https://mirror.example/debian/ bookworm main contrib\n"
        "deb https://mirror.example/security bookworm-security main\n"
    )
    assert find_mirror("bookworm", apt(tmp_path)) == Mirror(
        url="https://mirror.example/debian", security="https://mirror.example/security"
    )


def test_the_mirror_of_deb822_sources(tmp_path):
    text = (
        "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n"
        "Types: deb-src\nURIs: http://src.example/debian\nSuites: bookworm\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm-security\n"
    )
    assert find_mirror("bookworm", apt(tmp_path, debian_sources=text)) == Mirror(
        url="http://a.example/debian", security=SECURITY
    )


def test_debians_own_mirror_where_the_host_is_something_else(tmp_path):
    jammy = apt(tmp_path, ubuntu_list="deb http://archive.ubuntu.com/ubuntu jammy main\n")
    assert find_mirror("bookworm", jammy) == Mirror(url=DEFAULT, security=SECURITY)


def test_credentials_of_a_mirror_are_not_shown():
    assert Mirror(url="https://me:secret@mirror.example/debian").shown == "mirror.example"


def test_a_machine_gets_indexes_and_proxies_but_no_local_paths():
    given = {
        "PIP_INDEX_URL": "https://index.example/simple",
        "PIP_FIND_LINKS": "/opt/wheels https://wheels.example",
        "PIP_TARGET": "/opt/here",
        "https_proxy": "http://proxy.example:3128",
        "HOME": "/root",
    }
    found = environment(given, certificates=False)
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert found["PIP_FIND_LINKS"] == "https://wheels.example"
    assert found["https_proxy"] == "http://proxy.example:3128"
    assert not {"PIP_TARGET", "HOME", *TRUST} & set(found)


def test_an_index_of_uv_is_left_as_it_is():
    given = {"PIP_INDEX_URL": "https://pip.example", "UV_INDEX_URL": "https://uv.example"}
    found = environment(given, certificates=False)
    assert "UV_DEFAULT_INDEX" not in found
    assert found["UV_INDEX_URL"] == "https://uv.example"


def test_pips_own_file_counts_and_variables_win(tmp_path):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://file.example\nextra-index-url =\n  https://b.example\n"
    )
    given = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_EXTRA_INDEX_URL": "https://c.example"}
    found = environment(given, certificates=False)
    assert found["PIP_INDEX_URL"] == "https://file.example"
    assert found["PIP_EXTRA_INDEX_URL"] == "https://c.example"


def test_programs_are_told_of_the_hosts_certificates():
    found = environment({}, certificates=True)
    assert {found[name] for name in TRUST} == {"/run/cws-sandbox/host/ca-bundle.crt"}


def test_ulimits_do_not_exceed_the_hosts(tmp_path):
    write_config(tmp_path / "containers.conf")
    assert "default_ulimits" in (tmp_path / "containers.conf").read_text()


def test_what_is_missing_is_one_sentence_with_the_command():
    lacking = [
        Requirement("podman", "machines need podman, not found on PATH", "apt-get install -y podman"),
        Requirement("root", "machines need root", "sudo cws-build sandbox up"),
    ]
    with pytest.raises(ToolMissing) as error:
        refuse(lacking)
    assert error.value.message == (
        "the sandbox cannot start: machines need podman, not found on PATH; machines need root"
    )
    assert error.value.hint == "apt-get install -y podman && sudo cws-build sandbox up"
    refuse([])


def test_the_recipe_of_the_base_machine_has_one_name():
    assert recipe_key() == recipe_key()
    assert "name: ubuntu" in login_files("ubuntu")["etc/cloud/cloud.cfg.d/91_login.cfg"]
