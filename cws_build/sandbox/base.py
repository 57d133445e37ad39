"""The base machine: Debian 12 by debootstrap, kept as a tarball in the cache and as images in podman."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.errors import ToolError
from cws_build.model.events import StepFinished, StepStarted
from cws_build.sandbox.base_files import FILES, login_files
from cws_build.sandbox.ec2.publishers import LOGINS
from cws_build.sandbox.mirror import find_mirror

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.ports import Emit
    from cws_build.sandbox.podman import Podman

SUITE = "bookworm"
FIRST = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "python3", "sudo", "ca-certificates",
    "iproute2",
)  # fmt: skip
"""What debootstrap installs by itself."""
SECOND = ("cloud-init", "python3-apt", "curl", "wget", "iputils-ping", "less", "procps", "netbase", "xz-utils")
"""What apt installs afterwards: debootstrap cannot resolve cloud-init's virtual packages."""
REPOSITORY = "localhost/cws-build-base"


def recipe_key() -> str:
    """Name the recipe by its content: another list of packages or another file is another base."""
    words = [SUITE, *FIRST, *SECOND, *(f"{path}\0{text}" for path, text in sorted(FILES.items()))]
    words += [f"{login}\0{path}\0{text}" for login in LOGINS for path, text in sorted(login_files(login).items())]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def reference(login: str) -> str:
    """Name the podman image of the base machine with this login user."""
    return f"{REPOSITORY}:{recipe_key()}-{login}"


def ensure_base(podman: Podman, cache: Path, emit: Emit) -> dict[str, str]:
    """Make the base machines that are missing, and return login user -> podman image.

    Raises:
        ToolError: debootstrap, apt or podman failed; nothing half is left.
    """
    references = {login: reference(login) for login in LOGINS}
    if all(podman.has_image(name) for name in references.values()):
        return references
    cache.mkdir(parents=True, exist_ok=True)
    tarball = cache / f"base-{SUITE}-{recipe_key()}.tar"
    with (cache / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # sandboxes that start at once make one base machine
        _clear_leftovers(cache)
        if not tarball.exists():
            _bootstrap(tarball, emit)
        for login, name in references.items():
            if not podman.has_image(name):
                _import(podman, tarball, login, name, emit)
    return references


def _clear_leftovers(cache: Path) -> None:
    """Remove what an earlier attempt left when it was killed."""
    for path in cache.glob("*.part"):
        path.unlink()
    for path in [*cache.glob("bootstrap-*"), *cache.glob("base-*/")]:
        _unmount(path)
        shutil.rmtree(path, ignore_errors=True)


def _unmount(folder: Path) -> None:
    """Take off what debootstrap mounts while it works and, when interrupted, may leave mounted."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed([place for place in mounted if place.startswith(f"{folder}/")]):
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)  # noqa: S607 - as every tool here


def _bootstrap(tarball: Path, emit: Emit) -> None:
    mirror = find_mirror(SUITE)
    with tempfile.TemporaryDirectory(prefix="bootstrap-", dir=tarball.parent) as name, _Unmounted(Path(name)):
        root = Path(name) / "root"
        with _Step(emit, f"installing Debian 12 from {mirror.shown} (once per machine)"):
            _call(["debootstrap", "--variant=minbase", f"--include={','.join(FIRST)}", SUITE, str(root), mirror.url])
        with _Step(emit, "installing cloud-init in it"):
            (root / "etc/apt/sources.list").write_text(mirror.sources(SUITE))
            _inside(root, "apt-get", "update", "-q")
            _inside(root, "apt-get", "install", "-y", "-q", "--no-install-recommends", *SECOND)
            _inside(root, "apt-get", "clean")
            _settle(root)
        with _Step(emit, "keeping it in the cache"):
            part = tarball.with_suffix(".part")
            try:
                _call(["tar", "-C", str(root), "--numeric-owner", "--exclude=./var/lib/apt/lists/*", "-cf",
                       str(part), "."])  # fmt: skip
                part.replace(tarball)
            finally:
                part.unlink(missing_ok=True)


def _settle(root: Path) -> None:
    """Make it a template of machines: no identity, no leftovers, cloud-init told where to look."""
    for path, text in FILES.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a" if path.startswith("etc/pam.d/") else "w") as file:
            file.write(text)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    for leftover in ("var/log/bootstrap.log", "etc/hostname", "etc/resolv.conf"):
        (root / leftover).unlink(missing_ok=True)
    shutil.rmtree(root / "var/cache/apt", ignore_errors=True)


def _import(podman: Podman, tarball: Path, login: str, name: str, emit: Emit) -> None:
    """Import the tarball and lay the files of a login user over it, as one image that is named when it is whole."""
    with _Step(emit, f"making the base machine for the user {login}"):
        plain = f"{REPOSITORY}:{recipe_key()}"
        if not podman.has_image(plain):
            podman.run("import", "-q", str(tarball), plain)
        with tempfile.TemporaryDirectory(prefix="base-", dir=tarball.parent) as folder:
            for path, text in login_files(login).items():
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            container = podman.run("create", plain, "/sbin/init").strip()
            try:
                podman.run("cp", f"{folder}/.", f"{container}:/")
                podman.run("commit", "-q", container, name)
            finally:
                podman.run("rm", "-f", container)


def _inside(root: Path, *words: str) -> None:
    """Run a command in the new tree; maintainer scripts find that they may start no service."""
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    try:
        _call(["chroot", str(root), *words])
    finally:
        policy.unlink()


def _call(words: Sequence[str]) -> None:
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C",
    }
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        raise ToolError(
            f"{words[0]} failed while the base machine was made: {said[-1] if said else 'it said nothing'}",
            hint="check that the Debian mirror can be reached: apt-get update",
            details={"argv": list(words), "output": said},
        )


class _Unmounted:
    """Leaves nothing mounted under a folder, so that removing it touches nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _unmount(self.folder)


class _Step:
    """Tells when a step starts, and how long it took when it went well."""

    def __init__(self, emit: Emit, title: str) -> None:
        self.emit = emit
        self.title = title
        self.began = 0.0

    def __enter__(self) -> None:
        self.began = time.monotonic()
        self.emit(StepStarted(title=self.title))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.emit(StepFinished(title=self.title, seconds=time.monotonic() - self.began))
