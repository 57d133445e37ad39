#!/usr/bin/python3
"""Print what has changed on this machine's disks after a moment, as one JSON document; change nothing.

cws-build runs it as root before it makes an image of a machine. Its arguments: the home of the user who logged in and
when that last changed (in seconds since 1970, before sudo has left its mark there), and a JSON document:
``ready`` and ``now``, in seconds since 1970 by the clock of whoever asks, ``margin`` and ``limit`` in seconds,
``always``, ``logins`` and ``first_boot``, lists of patterns (see ``cws_build/model/self_written.py``), and ``most``,
how many paths to name. Any Python 3.6 or later will do.

A file, folder or link has changed when its ctime is later: no program can set that back, and what is deleted or renamed
shows in the folder's.
"""

# Typed in words only: it runs on whatever Python 3 the distribution has, 3.6 among them.
# ruff: noqa: ANN001, ANN201, EXE001, PTH112, PTH120, PTH123, PTH207, UP032

import glob
import json
import os
import pwd
import re
import stat
import sys
import time

DISKS = {"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "f2fs", "jfs"}
RECORD = "/var/lib/cws-build/recipe.json"
CLOUD = "/var/lib/cloud/instance/sem/"
KEYS = "/etc/ssh/ssh_host_*_key.pub"
SETTLES = 0.5
"""Seconds after its host keys within which cloud-init has let people in."""
LONGEST = 30.0
"""Seconds that making host keys takes at most; keys of later are somebody's work."""
AT_ONCE = 0.05
"""Seconds between two changes that one command makes."""
PEOPLE = range(1000, 65000)
"""Numbers of users who are people."""
KINDS = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)


def main():
    """Print the document."""
    now = time.time()
    home, changed, asked = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
    off = now - asked["now"]
    if abs(off) > asked["limit"]:
        print(json.dumps({"unsure": "its clock is {:.0f} s off".format(off)}))
        return
    # Whichever clock was wrong at the launch, the earlier moment hides nothing.
    ready = asked["ready"] + min(0.0, off)
    since = begin(ready, asked["margin"])
    own = [(re.compile(expression(asked[until])), end) for until, end in ends(ready).items()]
    found = {}
    for path, status in entries():
        at = changed if path == home else status.st_ctime
        if at > since and not any(at <= end and known.match(path) for known, end in own):
            found[path] = (stat.S_ISDIR(status.st_mode), at)
    # A folder whose last change is that of something in it, which is told, need not be told itself.
    explained = {
        parent
        for parent, at in ((os.path.dirname(path), at) for path, (_, at) in found.items())
        if parent in found and abs(found[parent][1] - at) < AT_ONCE
    }
    told = sorted((folder, path) for path, (folder, _) in found.items() if not (folder and path in explained))
    paths = [path.rstrip("/") + "/" if folder else path for folder, path in told[: asked["most"]]]
    print(json.dumps({"count": len(told), "paths": paths, "now": now}))


def begin(ready, margin):
    """Return from when changes count: some seconds before, but not before the last layer was there."""
    since = ready - margin
    finished = changed_at(RECORD)
    return finished if since < finished <= ready else since


def ends(ready):
    """Return up to when each kind of pattern holds."""
    began = changed_at(CLOUD + "config_ssh")
    keys = max([changed_at(path) for path in glob.glob(KEYS)] or [0.0])
    logins = keys + SETTLES if began <= keys <= began + LONGEST else began
    first_boot = max([changed_at(path) for path in glob.glob(CLOUD + "*")] or [0.0])
    return {"always": float("inf"), "logins": max(ready, logins), "first_boot": max(ready, first_boot)}


def changed_at(path):
    """Return a path's ctime; 0 where it is not there."""
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return 0.0


def expression(patterns):
    """Return patterns as one regular expression."""
    homes = {user.pw_dir for user in pwd.getpwall() if user.pw_uid == 0 or user.pw_uid in PEOPLE} - {"/"}
    home = "(?:{})".format("|".join(re.escape(path) for path in sorted(homes)))
    return r"(?:{})\Z".format("|".join(words(pattern, home) for pattern in patterns))


def words(pattern, home):
    """Return one pattern as a regular expression."""
    if pattern == "/":
        return "/"
    begin, below = ("(?:/.*)?/", pattern[3:]) if pattern.startswith("**/") else ("", pattern)
    if below.startswith("~"):
        begin, below = home, below[1:]
    tree = below.endswith("/")
    text = "[^/]*".join(re.escape(part) for part in below.rstrip("/").split("*"))
    return begin + text + ("(?:/.*)?" if tree else "")


def entries():
    """Yield every file, folder and link on the disks, with its status."""
    for root in sorted(roots()):
        device = os.lstat(root).st_dev
        yield root, os.lstat(root)
        folders = [root]
        while folders:
            for path, status in listed(folders.pop()):
                if status.st_dev != device or not any(kind(status.st_mode) for kind in KINDS):
                    continue
                yield path, status
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)


def roots():
    """Return where this machine's disks are mounted; what is mounted on a single file is none."""
    with open("/proc/self/mounts") as file:
        mounts = [line.split()[:3] for line in file]
    disks = [where for source, where, kind in mounts if kind in DISKS and source.startswith("/dev/")]
    plain = [re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal.group(1), 8)), where) for where in disks]
    return {"/"} | {where for where in plain if os.path.isdir(where)}


def listed(folder):
    """Return what is in a folder; nothing of one that is gone meanwhile."""
    try:
        with os.scandir(folder) as found:
            return [(one.path, one.stat(follow_symlinks=False)) for one in found]
    except OSError:
        return []


main()
