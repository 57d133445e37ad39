"""Whose memory it is: account and default region, told without opening a session.

Opening one takes longer than all the rest of a command that is answered from memory. Whatever is doubtful here
is left empty, and then the session decides.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

_SECRET = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
"""Not needed to tell accounts apart, and so kept out of everything."""
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


class Whose(NamedTuple):
    """An account, as a name for a folder, and the region that a command works in; empty where it is not known."""

    who: str
    region: str


def of_sandbox(folder: Path, region: str, account: str = "") -> Whose:
    """Tell of the sandbox that runs; a sandbox that is started anew is another account.

    Args:
        folder: The sandbox's state; its server writes ``server.json`` for whoever looks for it.
        region: The one that the sandbox works in.
        account: One of the sandbox's accounts; empty for its own.
    """
    try:
        arrival = json.loads((folder / "server.json").read_bytes())
        os.kill(int(arrival["pid"]), 0)
        return Whose(_digest(["sandbox", str(folder), arrival["id"], arrival["started"], account]), region)
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return Whose("", region)


def of_aws(profile: str, region: str) -> Whose:
    """Tell of an AWS account, by everything from which credentials may come except the secrets themselves."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("AWS_") and name not in {*_SECRET, *_REGIONS}
    }
    files = [(str(path), _changed(path)) for path in (_file("CONFIG_FILE"), _file("SHARED_CREDENTIALS_FILE"))]
    return Whose(_digest(["aws", profile, variables, files]), region or configured_region(profile))


def configured_region(profile: str) -> str:
    """Return the region that the environment or the AWS configuration names, empty for none."""
    named = next((os.environ[name] for name in _REGIONS if os.environ.get(name)), "")
    return named or _region_of(profile or os.environ.get("AWS_PROFILE", "") or "default")


def _region_of(profile: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(_file("CONFIG_FILE"), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return ""
    section = profile if profile == "default" else f"profile {profile}"
    return parser.get(section, "region", fallback="")


def _file(name: str) -> Path:
    default = {"CONFIG_FILE": "config", "SHARED_CREDENTIALS_FILE": "credentials"}[name]
    return Path(os.environ.get(f"AWS_{name}") or Path("~/.aws", default)).expanduser()


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _digest(words: object) -> str:
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:20]
