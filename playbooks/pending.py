#!/usr/bin/python3
"""Print which updates the distribution offers for this machine as one JSON document, security updates told apart.

cws-build runs it as root on a machine that was started from an image to be tried. It installs nothing, and keeps what
it fetches in a folder of its own, away from the locks of timers. Any Python 3.6 or later will do.
"""

# Typed in words only: it runs on whatever Python 3 the distribution has, 3.6 among them.
# ruff: noqa: ANN001, ANN002, ANN201, EXE001

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

FETCH, ASK = 60, 40
"""Seconds that the package manager may take to fetch what its sources offer, and to answer a question about it."""
OFFERS = 100
"""dnf's exit status where there are updates."""
INST = re.compile(r"^Inst (\S+) \[([^\]]+)\] \((\S+) (.*?)(?: \[[^\]]*\])?\)", re.MULTILINE)
"""What ``apt-get -s`` says of a package that is there already: name, installed, offered, where from."""
ARCHITECTURES = "noarch|x86_64|aarch64|i[3-6]86"
ROW = re.compile(
    r"^(\S+)\.(?:" + ARCHITECTURES + r")(?:[ \t]*\n)?[ \t]+(\S+)(?:[ \t]*\n)?[ \t]+(\S+)[ \t]*$", re.MULTILINE
)
"""A row of ``dnf check-update``: name and architecture, version, repository; one that is too wide is broken."""
ADVISED = re.compile(r"^\S+\s+(?:(?:(\w+)/)?Sec\.|security\s+(\w+))\s+(\S+)", re.MULTILINE)
"""A row of ``dnf updateinfo list``, in the words of dnf 4 or of dnf 5: severity, package."""
GRADES = ("", "low", "moderate", "important", "critical")
"""The severities that advisories of the RHEL family have, the gravest last."""


def main():
    """Print the document."""
    # Not in /tmp, which may be small.
    with tempfile.TemporaryDirectory(prefix="pending-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103  apt fetches as a user of its own
        if shutil.which("apt-get"):
            found = apt(folder)
        elif shutil.which("dnf"):
            found = dnf(folder)
        else:
            found = {"error": "it has neither apt nor dnf"}
    json.dump(found, sys.stdout, sort_keys=True)


def apt(folder):
    """Ask Debian's and Ubuntu's package manager."""
    os.mkdir(folder + "/lists")  # noqa: PTH102
    settings = (
        "Dir::State::lists=" + folder + "/lists",
        "Dir::Cache=" + folder,
        "Dir::Cache::srcpkgcache=",
        "Acquire::Languages=none",
        "Acquire::Retries=0",
        "Acquire::http::Timeout=10",
        "Acquire::https::Timeout=10",
    )
    options = [word for setting in settings for word in ("-o", setting)]
    _, said, wrong = run(FETCH, "apt-get", *options, "update")
    failures = re.findall(r"^[WE]: Failed to fetch +(.+)$", wrong, re.MULTILINE)
    failures = failures or re.findall(r"^E: (.+)$", wrong, re.MULTILINE)
    if not re.search(r"^(?:Get|Hit):", said, re.MULTILINE):
        return {"error": clean(failures[0] if failures else "it has no package source")}
    code, said, wrong = run(ASK, "apt-get", *options, "--simulate", "dist-upgrade")
    if code:
        return {"error": last(wrong)}
    rows = INST.findall(said)
    packages = {name: [installed, offered] for name, installed, offered, _ in rows}
    security = {name for name, _, _, places in rows if any(map(mends, places.split(", ")))}
    security |= overtaken(options, {name: packages[name] for name in packages if name not in security})
    return {"packages": packages, "security": dict.fromkeys(security, ""), "unanswered": list(map(clean, failures))}


def mends(place):
    """Tell whether a place that apt names, such as ``Debian-Security:12/oldstable-security``, has security updates."""
    label, _, archive = place.rpartition("/")
    return archive.endswith("-security") or label.startswith("Debian-Security:")


def overtaken(options, packages):
    """Return those of which a security archive has an update too, if not the newest: it came before that one."""
    if not packages:
        return set()
    bare = {name.partition(":")[0]: name for name in packages}
    _, said, _ = run(ASK, "apt-cache", *options, "madison", *sorted(bare))
    found = set()
    for line in said.splitlines():
        words = [word.strip() for word in line.split("|")]
        if len(words) < 3 or words[0] not in bare:  # noqa: PLR2004  name, version, place
            continue
        suite = [*words[2].split(), "", ""][1].rpartition("/")[0]
        installed, offered = packages[bare[words[0]]]
        secure = suite.endswith(("-security", "/updates"))
        if secure and newer(words[1], installed) and not newer(words[1], offered):
            found.add(bare[words[0]])
    return found


def newer(version, other):
    """Tell whether a version of a Debian package is newer than another."""
    return run(ASK, "dpkg", "--compare-versions", version, "gt", other)[0] == 0


def dnf(folder):
    """Ask the RHEL family's package manager."""
    options = ["-q", "--setopt=cachedir=" + folder, "--setopt=timeout=10", "--setopt=retries=1"]
    code, said, wrong = run(FETCH, "dnf", *options, "check-update")
    if code not in (0, OFFERS):
        return {"error": clean(last(wrong))}
    ignored = re.findall(r"^Ignoring repositories: *(.+)$", wrong, re.MULTILINE)
    offered = {name: version for name, version, _ in ROW.findall(re.split(r"(?im)^obsoleting packages", said)[0])}
    there = installed()
    code, said, wrong = run(ASK, "dnf", *options, "-C", "updateinfo", "list", "--security")
    if code:
        return {"error": clean(last(wrong))}
    security = {}
    for one, other, package in ADVISED.findall(said):
        grade, name = (one or other).lower(), package.rsplit("-", 2)[0]
        if name in offered:
            rank = max(GRADES.index(word) if word in GRADES else 0 for word in (grade, security.get(name, "")))
            security[name] = GRADES[rank]
    packages = {name: [there.get(name, ""), version] for name, version in offered.items()}
    return {"packages": packages, "security": security, "unanswered": [clean(word) for word in ignored]}


def installed():
    """Return the packages that are there: name -> version, of several the one that was installed last."""
    _, said, _ = run(ASK, "rpm", "-qa", "--qf", "%{INSTALLTIME}\t%{NAME}\t%{EVR}\n")
    rows = re.findall(r"^(\d+)\t(\S+)\t(\S+)$", said, re.MULTILINE)
    return {name: version for _, name, version in sorted(rows, key=lambda row: int(row[0]))}


def run(seconds, *command):
    """Run a command, not for longer than it may take; return its exit status and what it printed and complained."""
    words = dict(os.environ, LC_ALL="C", COLUMNS="500")
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=words,
        start_new_session=True,
    )
    try:
        out, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        err += f"\nE: {command[0]} did not end within {seconds} s".encode()
    return child.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def last(text):
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def clean(text):
    """Return a complaint without the credentials that an address may bear."""
    return re.sub(r"//[^/@\s]*@", "//", " ".join(text.split()))


main()
