#!/usr/bin/python3
"""Print what is on this machine as one JSON document: packages, services, users, ports, kernel.

cws-build runs it as root on a machine that was started from an image, before anybody has used it. It installs and
changes nothing. Any Python 3.6 or later will do.
"""

# Typed in words only: it runs on whatever Python 3 the distribution has, 3.6 among them.
# ruff: noqa: ANN001, ANN002, ANN201, EXE001, PTH115

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

PLACES = ("/opt", "/srv", "/usr/local")
"""Where people and roles put what no package manager of the distribution knows."""
DEEP = 4
LISTEN = "0A"
"""The kernel's word for a TCP socket that listens, in /proc/net/tcp."""


def main():
    """Print the document."""
    document = {
        "os": release().get("PRETTY_NAME", ""),
        "kernel": os.uname().release,
        "packages": {name: found for name, found in packages() if found},
        "services": services(),
        "users": {user.pw_name: user.pw_shell for user in pwd.getpwall() if can_log_in(user)},
        "ports": ports(),
    }
    json.dump(document, sys.stdout, sort_keys=True)


def release():
    """Return what /etc/os-release says."""
    lines = read("/etc/os-release").splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def packages():
    """Yield each package manager's name with its packages: name -> version."""
    yield "deb", dict(rows("dpkg-query", "-W", "-f", "${binary:Package}\t${Version}\t${db:Status-Abbrev}\n", keep="ii"))
    yield "rpm", dict(rows("rpm", "-qa", "--qf", "%{NAME}\t%{VERSION}-%{RELEASE}\n"))
    for place in sorted(set(found_below("pyvenv.cfg"))):
        yield "pip " + str(place), python_packages(place.glob("lib/python3*/site-packages"))
    yield "pip", python_packages(Path("/usr/local/lib").glob("python3*/*-packages"))
    for place in sorted(set(found_below("conda-meta"))):
        files = (place / "conda-meta").glob("*.json")
        yield "conda " + str(place), dict(file.stem.rsplit("-", 2)[:2] for file in files if file.stem.count("-") > 1)
    yield "R", dict(r_packages())


def rows(*command, keep=""):
    """Yield name and version of each line that a command prints, where its third word is the right one."""
    for line in output(*command).splitlines():
        words = [word.strip() for word in line.split("\t")]
        if len(words) > 1 and words[2:] in ([], [keep]):
            yield words[0], words[1]


def found_below(name):
    """Yield the folders in which something lies, a few levels below the usual places."""
    homes = [str(home) for home in Path("/home").glob("*")]
    for start in (*PLACES, *homes):
        for folder, folders, files in os.walk(start):
            if name in folders or name in files:
                yield Path(folder)
            if folder.count("/") >= DEEP + start.count("/"):
                folders.clear()


def python_packages(folders):
    """Return the distributions in some site-packages folders: name -> version."""
    found = (entry.name[: -len(".dist-info")] for folder in folders for entry in folder.glob("*.dist-info"))
    return dict(name.rsplit("-", 1) for name in sorted(found) if "-" in name)


def r_packages():
    """Yield R's packages that the distribution did not bring."""
    for file in sorted(Path("/usr/local/lib/R/site-library").glob("*/DESCRIPTION")):
        version = re.search(r"^Version: *(\S+)", read(file), re.MULTILINE)
        if version:
            yield file.parent.name, version.group(1)


def services():
    """Return the services that are enabled or run: name -> ``enabled``, ``running`` or both."""
    states = {}
    wanted = (
        ("enabled", ("list-unit-files", "--state=enabled", "--type=service", "--no-legend", "--plain")),
        ("running", ("list-units", "--state=running", "--type=service", "--no-legend", "--plain")),
    )
    for state, command in wanted:
        for line in output("systemctl", *command).splitlines():
            if line.split():
                states.setdefault(line.split()[0], []).append(state)
    return {name: " ".join(found) for name, found in states.items()}


def can_log_in(user):
    """Tell whether somebody can log in as a user."""
    return user.pw_uid == 0 or not user.pw_shell.endswith(("nologin", "false", "sync", "halt", "shutdown"))


def ports():
    """Return the TCP ports that are listened on beyond the machine itself: port -> program."""
    sockets, found = owners(), {}
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(file).splitlines()[1:]:
            words = line.split()
            address, _, port = words[1].rpartition(":")
            if words[3] == LISTEN and address not in ("0100007F", "00000000000000000000000001000000"):
                found[str(int(port, 16))] = sockets.get(words[9], "")
    return found


def owners():
    """Return which program holds which socket: inode -> name."""
    found = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(str(link))
        except OSError:
            continue
        if target.startswith("socket:["):
            found[target[8:-1]] = read(link.parent.parent / "comm").strip()
    return found


def output(*command):
    """Return what a command prints, nothing where it is not there."""
    if not shutil.which(command[0]):
        return ""
    # Its exit status is of no interest: what it printed counts.
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode(errors="replace")


def read(path):
    """Return a file's text, nothing where it cannot be read."""
    try:
        return Path(str(path)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


main()
