#!/usr/bin/env python3
"""Hibernate or stop this machine when nobody has used it for a while: ``idle-check IDLE HIBERNATE``, in minutes.

In use is a machine with load, with somebody at a terminal, with a connection that has no terminal (copying
files, an editor, provisioning), with a desktop client, with work on a GPU or with a busy Jupyter kernel.
A machine counts as used at the first look after it booted, so that nothing happens to one that has not been up
for HIBERNATE minutes, a bake for instance.
What cannot be asked does not count as use. Only the standard library, and only what Python 3.8 has.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

STATE = Path("/run/cws-idle/last-use")
LOAD = 0.3
"""Average number of running processes over five minutes above which somebody's program is at work."""
GPU_PERCENT = 5
TERMINAL_SECONDS = 300
DESKTOP_PORTS = {3389, 5901, 8443}
ESTABLISHED = "01"
WITHOUT_TERMINAL = re.compile(r"sshd(-session)?: \S+@(notty|internal-sftp)")


def main(idle: int, hibernate: int) -> None:
    """Look once; act when the machine has been out of use for too long."""
    reason = use()
    # This clock stands still while the machine hibernates.
    now = time.monotonic()
    minutes = minutes_out_of_use(STATE, now, bool(reason))
    print(f"in use: {reason}" if reason else f"{'idle' if minutes >= idle else 'quiet'} for {minutes} minutes")
    if not reason and minutes >= hibernate:
        # Whoever wakes it finds it used a moment ago.
        STATE.write_text(str(now))
        leave(minutes)


def minutes_out_of_use(state: Path, now: float, used: bool) -> int:
    """Keep in a file that is lost with each boot when the machine was last used; the first look counts as use."""
    if used or not state.exists():
        state.parent.mkdir(exist_ok=True)
        state.write_text(str(now))
    return int((now - float(state.read_text())) // 60)


def use() -> str:
    """Return what shows that the machine is in use, or nothing."""
    return load() or terminals() or connections() or gpu() or kernels([Path("/root"), *Path("/home").glob("*")])


def load() -> str:
    """Look at the load average."""
    average = os.getloadavg()[1]
    return f"load {average:.2f}" if average >= LOAD else ""


def terminals() -> str:
    """Look for a terminal that was typed into or written to lately."""
    for terminal in Path("/dev/pts").glob("[0-9]*"):
        status = terminal.stat()
        if time.time() - max(status.st_atime, status.st_mtime) < TERMINAL_SECONDS:
            return f"terminal {terminal}"
    return ""


def connections() -> str:
    """Look for SSH connections without a terminal and for desktop clients."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        title = read(line).replace("\0", " ")
        if WITHOUT_TERMINAL.match(title):
            return title.strip()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in read(Path(table)).splitlines()[1:]:
            _, local, _, state = row.split()[:4]
            port = int(local.rpartition(":")[2], 16)
            if state == ESTABLISHED and port in DESKTOP_PORTS:
                return f"desktop client on port {port}"
    return ""


def gpu() -> str:
    """Look at the utilisation of NVIDIA GPUs."""
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, check=False, stdout=subprocess.PIPE, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    busy = [line for line in answer.split() if line.isdigit() and int(line) >= GPU_PERCENT]
    return f"GPU at {busy[0]} %" if busy else ""


def kernels(homes: list[Path]) -> str:
    """Ask each Jupyter server of these homes, with the token it left for its user, for busy kernels."""
    records = [record for home in homes for record in home.glob(".local/share/jupyter/runtime/jpserver-*.json")]
    for record in records:
        try:
            server = json.loads(read(record))
            request = urllib.request.Request(
                f"http://127.0.0.1:{server['port']}{server['base_url']}api/kernels",
                headers={"Authorization": f"token {server.get('token', '')}"},
            )
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the scheme is above
                running = json.load(answer)
        except (OSError, ValueError, KeyError):
            continue
        if any(kernel.get("execution_state") == "busy" for kernel in running):
            return "a Jupyter kernel is busy"
    return ""


def read(path: Path) -> str:
    """Return a file's text; of processes and servers that are gone by now, nothing."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def leave(minutes: int) -> None:
    """Hibernate; a machine that cannot is shut down, which stops the instance."""
    print(f"nobody has used this machine for {minutes} minutes: it hibernates, or stops", flush=True)
    # Their folder differs between distributions; systemd sets PATH.
    if subprocess.run(["systemctl", "hibernate"], check=False).returncode:  # noqa: S607
        subprocess.run(["shutdown", "-h", "now"], check=True)  # noqa: S607


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
