"""Install Python packages into an environment, with uv if it can be had; runs on the machine itself.

Reads the request as JSON from CWS_PIP_REQUEST. The last line on stdout is ``changed`` or ``unchanged``.
Only the standard library, and only what Python 3.8 has.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

UV_HOME = Path("/opt/cws/uv")
CACHE = "/var/cache/cws-build/uv"
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
    uv = find_uv() if request["use_uv"] else None
    python = Path(request["environment"]) / "bin" / "python"
    made = not python.exists()
    if made:
        make_environment(uv, python)
    output = install(uv, python, request)
    changed = made or "Installed " in output or "Successfully installed" in output
    print("changed" if changed else "unchanged")
    return 0


def find_uv() -> str | None:
    """Return the path of uv, installed if need be, or nothing where it cannot be had."""
    uv = UV_HOME / "bin" / "uv"
    if uv.exists():
        return str(uv)
    steps = ([sys.executable, "-m", "venv", str(UV_HOME)], [str(UV_HOME / "bin" / "pip"), "install", "-q", "uv"])
    for step in steps:
        done = subprocess.run(step, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            print(f"uv cannot be had, pip does the work: {done.stdout.strip()[-500:]}")
            return None
    return str(uv)


def make_environment(uv: str | None, python: Path) -> None:
    """Create a virtual environment that holds pip as well, for its users' sake."""
    where = str(python.parent.parent)
    if uv:
        run([uv, "venv", "--seed", "--python", sys.executable, where], uv_settings())
    else:
        run([sys.executable, "-m", "venv", where], {})


def install(uv: str | None, python: Path, request: dict) -> str:
    """Install the packages and return what the installer said."""
    packages = request["packages"]
    compiling = request["compile"]
    if uv:
        flags = ["--compile-bytecode"] if compiling else []
        # A prefix that belongs to conda or to the distribution may be marked as managed by it.
        command = [uv, "pip", "install", "--python", str(python), "--break-system-packages", *flags, "--", *packages]
        return run(command, uv_settings())
    flags = ["--compile" if compiling else "--no-compile", "--no-cache-dir"]
    return run([str(python), "-m", "pip", "install", *flags, "--", *packages], {})


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
    """Return what pip is configured to do: of files first, of its environment variables last."""
    pip = [str(UV_HOME / "bin" / "python"), "-m", "pip", "config", "list"]
    listing = subprocess.run(pip, check=False, stdout=subprocess.PIPE, text=True).stdout
    options = []
    for line in listing.splitlines():
        place, _, value = line.partition("=")
        section, _, option = place.rpartition(".")
        if section in {"global", "install", ":env:"}:
            options.append((section == ":env:", option, str(ast.literal_eval(value))))
    return [(option, value) for _, option, value in sorted(options, key=lambda found: found[0])]


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


sys.exit(main())
