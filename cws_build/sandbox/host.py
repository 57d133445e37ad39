"""What a machine must know to reach what this computer reaches: certificates, indexes, proxies.

All of it is mounted under ``/run`` when a machine starts and is found there through environment variables, so
none of it becomes part of an AMI.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

INSIDE = "/run/cws-sandbox"
"""Where a machine sees its folder."""
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
EXTRA = (Path("/usr/local/share/ca-certificates"), Path("/etc/pki/ca-trust/source/anchors"))
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
PIP = ("INDEX_URL", "EXTRA_INDEX_URL", "TRUSTED_HOST", "FIND_LINKS", "PROXY", "RETRIES", "DEFAULT_TIMEOUT", "NO_INDEX")
UV = ("DEFAULT_INDEX", "INDEX", "INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "INSECURE_HOST", "HTTP_TIMEOUT")
TRUST = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
)
"""The variables by which programs are told of a bundle of certificates."""


def _pip_files(given: Mapping[str, str]) -> dict[str, str]:
    """Read the indexes that pip's own configuration files name, as the variables that mean the same."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    home = Path.home()
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    if given.get("PIP_CONFIG_FILE"):
        files.append(Path(given["PIP_CONFIG_FILE"]))
    try:
        parser.read(files)
    except configparser.Error:
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for name in PIP:
            value = parser.get(section, name.lower().replace("_", "-"), fallback="")
            if value:
                found[f"PIP_{name}"] = " ".join(value.split())
    return found


def _reachable(value: str) -> str:
    """Drop local paths from a list of places: they mean nothing inside a machine."""
    return " ".join(word for word in value.split() if not word.startswith(("/", "file:", ".", "~")))


def environment(given: Mapping[str, str], *, certificates: bool) -> dict[str, str]:
    """Return the variables that a machine gets: proxies, Python package indexes, and where the certificates are.

    Args:
        given: This computer's own variables.
        certificates: Whether it trusts certificates that a machine must be told of.
    """
    found = {name: given[name] for low in PROXIES for name in (low, low.upper()) if given.get(name)}
    found |= _pip_files(given)
    for prefix, names in (("PIP_", PIP), ("UV_", UV)):
        found |= {prefix + name: given[prefix + name] for name in names if given.get(prefix + name)}
    found = {name: _reachable(value) for name, value in found.items()}
    if found.get("PIP_INDEX_URL") and not (found.get("UV_INDEX_URL") or found.get("UV_DEFAULT_INDEX")):
        found["UV_DEFAULT_INDEX"] = found["PIP_INDEX_URL"]
    if certificates:
        found |= dict.fromkeys(TRUST, f"{INSIDE}/host/ca-bundle.crt")
    return {name: value for name, value in found.items() if value}


def own_certificates() -> bool:
    """Tell whether this computer trusts certificates beyond its distribution's."""
    return BUNDLE.exists() and any(place.is_dir() and any(place.iterdir()) for place in EXTRA)


def _apt_proxies() -> list[str]:
    if not shutil.which("apt-config"):
        return []
    done = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=False)  # noqa: S607 - found on PATH, like apt itself
    wanted = re.compile(r"^Acquire::https?::(?:Proxy|Verify-Peer)\b.*;$", re.IGNORECASE)
    return [line for line in done.stdout.splitlines() if wanted.match(line) and '""' not in line]


def write_folder(folder: Path) -> None:
    """Write what all machines of a sandbox share: environment, apt's settings, the bundle of certificates."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = environment(os.environ, certificates=own_certificates())
    apt = _apt_proxies()
    if own_certificates():
        shutil.copyfile(BUNDLE, folder / "ca-bundle.crt")
        apt.append(f'Acquire::https::CAInfo "{INSIDE}/host/ca-bundle.crt";')
    if apt:
        (folder / "apt.conf").write_text("\n".join(apt) + "\n")
        variables["APT_CONFIG"] = f"{INSIDE}/host/apt.conf"
    lines = [f'{name}="{value}"' for name, value in sorted(variables.items())]
    (folder / "environment").write_text("".join(line + "\n" for line in lines))
    quoted = " ".join("'" + line.replace('"', "").replace("%", "%%").replace("'", "") + "'" for line in lines)
    (folder / "systemd.conf").write_text(f"[Manager]\nDefaultEnvironment={quoted}\n" if lines else "[Manager]\n")
