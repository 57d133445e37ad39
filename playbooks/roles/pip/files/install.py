"""Install Python packages into an environment, with uv if it can be had; runs on the machine itself.

Reads the request as JSON from CWS_PIP_REQUEST. The last line on stdout is ``changed`` or ``unchanged``.
Ends with 3 where Python lacks ensurepip, which some distributions package by itself, unless ``complete`` is set.
Only the standard library, and only what Python 3.8 has.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

UV_HOME = Path("/opt/cws/uv")
CACHE = "/var/cache/cws-build/uv"
WHEELS = Path("/usr/share/python-wheels")
PENDING = Path("/var/lib/cws-build")
UNIT = Path("/etc/systemd/system/cws-bytecode@.service")
PROFILE = Path("/etc/profile.d/cws-python.sh")
LOCK = Path("/run/cws-build-pip.lock")
LACKS_ENSUREPIP = 3
PATIENCE = 600  # seconds that packages of the system may take until pip is among them
# pip's options that have a counterpart in uv; uv does not read pip's configuration itself.
COUNTERPARTS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}


def main() -> int:
    """Make the environment if need be and install the packages."""
    request = json.loads(os.environ["CWS_PIP_REQUEST"])
    if request.get("fetch"):
        return fetch_behind(request["packages"])
    with one_at_a_time():
        return provide(request)


@contextlib.contextmanager
def one_at_a_time(*, wait: bool = True) -> Iterator[None]:
    """Let no other process install, or fetch what is to be installed; BlockingIOError if it must not be waited for."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def fetch_behind(packages: list[str]) -> int:
    """Fetch in a process of its own, of which nobody is told."""
    if os.fork():
        return 0
    os.setsid()
    with Path(os.devnull).open("r+b") as nothing:
        for stream in range(3):
            os.dup2(nothing.fileno(), stream)
    # Whoever holds the lock is the role itself, which has no use for a helper any more.
    if pip_comes():
        with contextlib.suppress(BlockingIOError), one_at_a_time(wait=False):
            fetch(packages)
    return 0


def pip_comes() -> bool:
    """Wait until there is a pip: an earlier layer is about to install it."""
    deadline = time.monotonic() + PATIENCE
    while not has_pip():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
        importlib.invalidate_caches()
    return True


def has_pip() -> bool:
    """Tell whether pip can be run, also while the package that brings it is not set up yet."""
    comes_with_python = importlib.util.find_spec("ensurepip") is not None
    return comes_with_python and (pip_wheel() or importlib.util.find_spec("pip")) is not None


def fetch(packages: list[str]) -> None:
    """Fill uv's cache."""
    uv = find_uv()
    if uv:
        scratch = Path(CACHE).parent
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            # Building may need what is not installed yet.
            command = [uv, "pip", "install", "--python", sys.executable, "--target", folder, "--only-binary", ":all:"]
            run([*command, "--", *packages, "pip"], uv_settings())


def provide(request: dict[str, Any]) -> int:
    """Do what the role is asked for."""
    python = Path(request["environment"]) / "bin" / "python"
    made = not python.exists()
    wanted = made or (request["use_uv"] and not (UV_HOME / "bin" / "uv").exists())
    if wanted and not request["complete"] and importlib.util.find_spec("ensurepip") is None:
        return LACKS_ENSUREPIP
    uv = find_uv() if request["use_uv"] else None
    if made:
        make_environment(uv, python)
    later = request["compile"] == "later" and Path("/run/systemd/system").is_dir()
    output = install(uv, python, request["packages"], compiling=bool(request["compile"]) and not later)
    changed = made or "Installed " in output or "Successfully installed" in output
    if changed and later:
        compile_later(python.parent.parent, request["unit"])
    elif not later:
        compile_pending(python.parent.parent)
    changed = put_on_path(request["profile"]) or changed
    print("changed" if changed else "unchanged")
    return 0


def put_on_path(profile: str) -> bool:
    """Write what login shells read; return whether that changed anything."""
    if not profile or (PROFILE.exists() and PROFILE.read_text() == profile):
        return False
    PROFILE.write_text(profile)
    PROFILE.chmod(0o644)
    return True


def pip() -> list[str]:
    """Return the command of a pip that needs no environment: ensurepip's wheel, or what Python has installed."""
    wheel = pip_wheel()
    return [sys.executable, f"{wheel}/pip"] if wheel else [sys.executable, "-m", "pip"]


def pip_wheel() -> Path | None:
    """Return the wheel of pip that came with Python."""
    found = importlib.util.find_spec("ensurepip")
    bundled = Path(found.origin).parent / "_bundled" if found and found.origin else WHEELS
    return min((wheel for folder in (bundled, WHEELS) for wheel in folder.glob("pip-*.whl")), default=None)


def find_uv() -> str | None:
    """Return the path of uv, installed if need be, or nothing where it cannot be had."""
    uv = UV_HOME / "bin" / "uv"
    if uv.exists():
        return str(uv)
    # uv is one program without dependencies: it needs no environment around it.
    step = [*pip(), "install", "-q", "--no-compile", "--disable-pip-version-check", "--target", str(UV_HOME), "uv"]
    done = subprocess.run(step, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode or not uv.exists():
        print(f"uv cannot be had, pip does the work: {done.stdout.strip()[-500:]}")
        return None
    return str(uv)


def make_environment(uv: str | None, python: Path) -> None:
    """Create a virtual environment."""
    where = str(python.parent.parent)
    if uv:
        run([uv, "venv", "--python", sys.executable, where], uv_settings())
    else:
        run([sys.executable, "-m", "venv", where], {})


def install(uv: str | None, python: Path, packages: list[str], *, compiling: bool) -> str:
    """Install the packages and return what the installer said."""
    if uv:
        flags = ["--compile-bytecode"] if compiling else []
        # A prefix that belongs to conda or to the distribution may be marked as managed by it.
        command = [uv, "pip", "install", "--python", str(python), "--break-system-packages", *flags, "--"]
        return run([*command, *packages, *pip_for_users(python.parent.parent)], uv_settings())
    flags = ["--compile" if compiling else "--no-compile", "--no-cache-dir"]
    return run([str(python), "-m", "pip", "install", *flags, "--", *packages], {})


def pip_for_users(environment: Path) -> list[str]:
    """Return pip where a virtual environment lacks it: uv does without, its users may not."""
    ours = (environment / "pyvenv.cfg").exists()
    return ["pip"] if ours and not list(environment.glob("lib/python*/site-packages/pip")) else []


def compile_later(environment: Path, unit: str) -> None:
    """Have systemd compile the environment while the machine has nothing else to do.

    What is pending is on disk: a machine that is stopped, or made an image of, goes on with it on its next boot.
    """
    instance = escaped(environment)
    PENDING.mkdir(mode=0o755, parents=True, exist_ok=True)
    (PENDING / f"bytecode-{instance}").touch()
    if not UNIT.exists() or UNIT.read_text() != unit:
        UNIT.write_text(unit)
    name = UNIT.name.replace("@", f"@{instance}")
    run(["systemctl", "enable", name], {})
    run(["systemctl", "restart", "--no-block", name], {})


def compile_pending(environment: Path) -> None:
    """Finish at once what was put off by an earlier run."""
    pending = PENDING / f"bytecode-{escaped(environment)}"
    if pending.exists():
        run(["systemctl", "stop", UNIT.name.replace("@", f"@{escaped(environment)}")], {})
        places = [str(place) for place in environment.glob("lib/python*/site-packages")]
        # Packages may hold files for another Python, which cannot be compiled.
        python = str(environment / "bin" / "python")
        subprocess.run([python, "-m", "compileall", "-q", "-q", "-j", "0", *places], check=False)
        pending.unlink()


def escaped(path: Path) -> str:
    """Return a path as part of a unit's name."""
    return run(["systemd-escape", "--path", str(path)], {}).strip()


@functools.lru_cache(maxsize=None)  # noqa: UP033  Python 3.8 has no functools.cache
def uv_settings() -> dict[str, str]:
    """Translate the machine's pip configuration to uv's environment variables; what uv was told itself stays."""
    settings = {"UV_CACHE_DIR": CACHE, "UV_NO_PROGRESS": "1"}
    for option, value in pip_options():
        name = COUNTERPARTS.get(option)
        if name and name not in os.environ:
            settings[name] = value.replace("\n", " ").strip()
    if "UV_INDEX" in settings:
        # pip takes the best version of all indexes, uv by default the first index that knows the name.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def pip_options() -> list[tuple[str, str]]:
    """Return what pip is configured to do, of its files first, of its environment variables last.

    They are read as pip does (https://pip.pypa.io/en/stable/topics/configuration/), because pip itself, started
    out of its wheel, takes a second to tell.
    """
    parser = configparser.RawConfigParser()
    parser.read(config_files(), encoding="utf-8")
    files = [parser.items(section) for section in ("global", "install") if parser.has_section(section)]
    variables = [(name[4:], value) for name, value in os.environ.items() if name.startswith("PIP_")]
    options = [*(option for items in files for option in items), *variables]
    return [(name.lower().replace("_", "-"), value) for name, value in options if value]


def config_files() -> list[Path]:
    """Return pip's configuration files, each overruling those before it; some may not be there."""
    own = os.environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    system = [Path(folder) / "pip" for folder in (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    user = [Path.home() / ".pip", Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pip"]
    folders = [*system, Path("/etc"), *([] if own and Path(own).exists() else user), Path(sys.prefix)]
    return [*(folder / "pip.conf" for folder in folders), *([Path(own)] if own else [])]


def run(command: list[str], settings: dict[str, str]) -> str:
    """Run a command and return its output; the installer's own words end the task when it fails."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **settings}
    done = subprocess.run(
        command, check=False, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(done.stdout)
    if done.returncode:
        sys.exit(done.stdout.strip()[-2000:] or f"{command[0]} ended with {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
