"""Something is missing or wrong around a bake: a sentence, the right exit code, and nothing is left."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.e2e.baking import FAST
from tests.e2e.going import Going, layer, seen, step
from tests.project import ROOT

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

MOUNT, UMOUNT = (shutil.which(name) or name for name in ("mount", "umount"))
MARK = ("--param", "mark=bad")


def sentence(done, code, words):
    assert done.code == code, done.out + done.stderr
    assert words in done.error["message"], done.error
    assert done.error["hint"], done.error
    assert done.stderr == ""


def test_without_packer(box, before, tmp_path):
    done = box.cws("bake", "tiny", *MARK, PATH=str(tmp_path))
    sentence(done, 6, "Packer is not installed")
    assert box.resources() == before


def test_without_ansible(box, before, tmp_path):
    # The folder of the interpreter counts as part of PATH, and ansible-playbook may lie in it.
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    for name in ("packer", "ssh-keygen", "podman"):
        (python.parent / name).symlink_to(shutil.which(name))
    path = f"{ROOT}:{sysconfig.get_path('purelib')}"
    words = ["--json", "--sandbox", "--library", str(FAST), "bake", "tiny", *MARK]
    environment = box.environment | {"PATH": str(python.parent), "PYTHONPATH": path}
    done = Going([str(python), "-m", "cws_build", *words], environment=environment, folder=tmp_path).end()
    sentence(done, 6, "Ansible is not installed")
    assert box.resources() == before


def test_a_region_that_does_not_exist(box, before):
    done = box.cws("bake", "tiny", *MARK, "--region", "mars-1")
    sentence(done, 2, "'mars-1' is not a region")
    assert box.resources() == before


def test_a_parameter_that_does_not_exist(box, before):
    done = box.cws("bake", "tiny", "--param", "mrak=x")
    sentence(done, 2, "mrak")
    assert "mark" in done.error["hint"] + done.error["message"]
    assert box.resources() == before


@pytest.mark.parametrize("what", ["missing", "folder", "binary"])
def test_a_template_that_cannot_be_read(box, before, tmp_path, what):
    file = tmp_path / "mine.yml"
    if what == "folder":
        file.mkdir()
    elif what == "binary":
        file.write_bytes(b"name: \xff\xfe\n")
    sentence(box.cws("bake", str(file)), 2, str(file))
    assert box.resources() == before


@contextlib.contextmanager
def disk_of(size, folder):
    """Let a folder lie on a small disk of its own."""
    folder.mkdir(exist_ok=True)
    subprocess.run([MOUNT, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run([UMOUNT, "-l", str(folder)], check=True)


@pytest.fixture
def small_disk(box):
    """Let the runs lie on a disk of 300 KB."""
    with disk_of("300k", box.state / "runs") as disk:
        yield disk


@pytest.fixture
def small_store(tmp_path):
    """Return a disk of 800 KB, and the variable that puts the store there."""
    with disk_of("800k", tmp_path / "disk") as disk:
        yield disk, {"CWS_BUILD_DATABASE": f"sqlite:///{disk / 'store.db'}"}


def fill(disk):
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1024)):
            pass


MOMENTS = [
    pytest.param(seen("key_pair"), id="before anything is rendered"),
    pytest.param(seen("instance"), id="as the machine boots"),
    pytest.param(layer("apt"), id="in a layer"),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_disk_that_fills_up(box, before, small_disk, moment):
    going = box.start("bake", "tiny", "--param", "mark=full")
    run = going.until(moment)["run"]
    fill(small_disk)
    sentence(going.end(), 6, "No space left on device")
    assert box.processes(run) == []
    assert box.resources() == before


def test_a_disk_that_is_full(box, before, small_disk):
    fill(small_disk)
    sentence(box.cws("bake", "tiny", *MARK), 6, "No space left on device")
    assert box.resources() == before


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_store_whose_disk_fills_up(box, before, small_store, moment):
    disk, named = small_store
    going = box.start("bake", "tiny", "--param", "mark=store", **named)
    run = going.until(moment)["run"]
    fill(disk)
    sentence(going.end(), 6, "No space left on device")
    assert box.processes(run) == []
    assert box.resources() == before
    (disk / "filler").unlink()
    assert box.cws("reap", **named).json["runs"] == [run]


def test_a_store_whose_disk_is_full(box, before, small_store):
    disk, named = small_store
    fill(disk)
    sentence(box.cws("bake", "tiny", *MARK, **named), 6, "No space left on device")
    assert box.resources() == before


def test_a_store_whose_disk_fills_up_at_the_end_costs_no_image(box, before, small_store):
    disk, named = small_store
    going = box.start("bake", "tiny", "--param", "mark=end", **named)
    image = going.until(step("published the image"))["outcome"]
    fill(disk)
    done = going.end()
    if done.code:  # it depends on how much of the disk's last block was in use
        sentence(done, 6, "No space left on device")
    else:
        assert any("No space left on device" in title for title in done.titles())
    assert box.resources() - before == box.parts(image)
