"""The real thing: python-ml from the built-in library, and all that the documentation shows with it.

It is baked once, and every page goes on from there.
"""

from __future__ import annotations

import urllib.request
from urllib.error import URLError

import pytest

from cws_build.errors import ToolError
from cws_build.places import cache_dir
from tests.docs_blocks import check, named, run_block, with_machines
from tests.e2e import boxes
from tests.e2e.going import until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1200)]

TRACES = """
ls /etc/ssh/ssh_host_* 2>/dev/null
find / -xdev \\( -name authorized_keys -o -name '.*_history' \\) -size +0
test ! -s /etc/machine-id || echo /etc/machine-id
find /var/lib/cloud/instance /var/lib/cloud/instances -mindepth 1 2>/dev/null
find /var/log -type f -size +0
true
"""
FITS = (
    "from sklearn.linear_model import LinearRegression as L; import pandas as p;"
    " f = p.DataFrame({'x': [0, 1, 2], 'y': [1, 3, 5]}); print(round(L().fit(f[['x']], f.y).coef_[0]))"
)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A sandbox that nobody else works in: the documentation speaks of everything in it."""
    with boxes.sandbox(tmp_path_factory.mktemp("work")) as box:
        yield box


@pytest.fixture(scope="module")
def baked(box, tmp_path_factory):
    """The result of its bake, with the gate that a bake has unless somebody switches it off."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "cws-build.toml").write_text("[images]\nboot_test = true\n")
    return box.bake("python-ml", libraries=(), folder=folder)


@pytest.fixture
def machine(box):
    """Start containers from images, by hand; remove them afterwards."""
    names = []

    def start(image):
        name = f"e2e-{image}"
        names.append(name)
        words = ("--systemd=always", "--cap-add=SYS_BOOT", "--cap-add=AUDIT_WRITE", "--name", name)
        box.podman("run", "-d", *words, box.reference(image), "/sbin/init")
        return name

    yield start
    for name in names:
        box.podman("rm", "-f", "-t", "0", "-i", name)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310  a container of our own
            return page.status == 200
    except (URLError, OSError):
        return False


def test_python_ml_answers_without_provisioning(box, baked, machine):
    image = baked["ami_id"]
    assert baked["boot"]["ok"]
    assert box.look(image, TRACES) == ""

    name = machine(image)
    address = box.podman("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name).strip()
    until(lambda: answers(f"http://{address}:8888/api"))
    assert box.podman("exec", name, "bash", "-lc", f'python -c "{FITS}"').strip() == "2"
    assert box.podman("exec", name, "id", "-un", "researcher").strip() == "researcher"
    with pytest.raises(ToolError):
        box.podman("exec", name, "test", "-e", "/home/researcher/.ssh/authorized_keys")

    again = box.bake("python-ml", libraries=())
    assert (again["reused"], again["ami_id"]) == (True, image)


@pytest.mark.parametrize("block", named(with_machines(of="python-ml")[0]))
def test_what_the_docs_show_works_in_the_sandbox(block, box, baked, tmp_path_factory):  # noqa: ARG001  it is baked once
    folder = tmp_path_factory.mktemp("docs")
    state = {"CWS_BUILD_STATE": str(box.state), "CWS_BUILD_CACHE": str(cache_dir())}
    check(run_block(block, folder, CWS_BUILD_SANDBOX="1", **state), block)
