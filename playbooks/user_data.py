#!/usr/bin/python3
"""Finish a machine at its first boot: cws-build sends this program as user data, with what to run behind it.

cloud-init starts it as root. It hands itself to systemd, because the playbook waits for cloud-init to be through,
then sees to it that there is an Ansible, runs the playbook on this very machine, and writes what became of it to
/var/lib/cws-build/user-data.json and, as one line, to journal and console. Any Python 3.6 or later will do.
"""

# Typed in words only: it runs on whatever Python 3 the distribution has, 3.6 among them.
# ruff: noqa: ANN001, ANN201, UP031, EXE001, PLW1510 - and an exit status is looked at where it matters

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

FOLDER = Path("/var/lib/cws-build/user-data")
STATUS = FOLDER.with_suffix(".json")
MARK = "cws-build-user-data"
ANSIBLE = "ansible-core"


def main():
    """Unpack and hand over to systemd, or do the work as the unit that came of it."""
    if sys.argv[1:] == ["run"]:
        report(run())
        return
    # The playbook and its variables may hold secrets.
    os.umask(0o077)
    program = FOLDER / "run.py"
    for name, content in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shutil.copy(__file__, str(program))
    FOLDER.parent.chmod(0o755)
    unit = ["systemd-run", "--no-block", "--unit=cws-user-data", "-p", "StandardOutput=journal+console"]
    subprocess.run([*unit, "-p", "StandardError=journal+console", sys.executable, str(program), "run"], check=True)


def files():
    """Return what was sent along, or what is fetched from where it lies and is what it should be."""
    carried = DATA
    if "url" in carried:
        with urllib.request.urlopen(carried["url"], timeout=60) as answer:  # noqa: S310 - S3's, and checked below
            packed = answer.read()
        if hashlib.sha256(packed).hexdigest() != carried["sha256"]:
            raise SystemExit("what was fetched is not what was to be fetched")
        carried = json.loads(gzip.decompress(packed).decode())
    plain = {name: text.encode() for name, text in carried["files"].items()}
    return dict(plain, **{name: base64.b64decode(text) for name, text in carried["binary"].items()})


def run():
    """Run the playbook; return what became of it."""
    report({"status": "running"})
    events = FOLDER / "tasks.jsonl"
    try:
        program = ansible()
    except (OSError, subprocess.CalledProcessError) as error:
        return {"status": "failed", "message": "Ansible could not be installed: %s" % error}
    environment = dict(os.environ, HOME="/root", LC_ALL="C.UTF-8", ANSIBLE_NOCOLOR="1", PYTHONUNBUFFERED="1")
    environment.update(ANSIBLE_CONFIG=str(FOLDER / "project/ansible.cfg"), CWS_EVENTS=str(events))
    argv = [program, "-i", "localhost,", "-c", "local", "-e", "@env/extravars", "project/playbook.yml"]
    code = subprocess.run(argv, cwd=str(FOLDER), env=environment).returncode
    told = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    layers = {event["layer"]: event["seconds"] for event in told if event["event"] == "layer_finished"}
    result = {"status": "failed" if code else "done", "code": code, "layers": layers}
    failed = [event for event in told if event.get("status") in ("failed", "unreachable") and not event["ignored"]]
    if failed:
        kept = ("layer", "task", "path", "message", "output")
        result.update({name: failed[0].get(name, "")[-1500:] for name in kept})
    return result


def ansible():
    """Return the path of ansible-playbook: the one that is here, the distribution's, or one from PyPI."""
    ways = ([], distribution(), pypi())
    for way in ways:
        for argv in way:
            if subprocess.run(argv, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive")).returncode:
                break
        found = shutil.which("ansible-playbook", path="%s:%s" % (os.environ["PATH"], FOLDER / "venv/bin"))
        if found:
            return found
    raise OSError("neither the distribution nor PyPI has given it")


def distribution():
    """Return the commands that install the distribution's package."""
    if shutil.which("apt-get"):
        apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
        return [[*apt, "update"], [*apt, "install", "--no-install-recommends", ANSIBLE]]
    return [["dnf", "-q", "-y", "install", ANSIBLE]]


def pypi():
    """Return the commands that install it from PyPI, beside everything else."""
    venv = str(FOLDER / "venv")
    return [[sys.executable, "-m", "venv", venv], [venv + "/bin/pip", "install", "-q", ANSIBLE]]


def report(result):
    """Say it to whoever reads the file, the journal or the console."""
    STATUS.write_text(json.dumps(result) + "\n")
    print(MARK, json.dumps(result), flush=True)


DATA = {}

if __name__ == "__main__":
    main()
