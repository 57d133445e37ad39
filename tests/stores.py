"""Stores of both kinds: the fixture ``databases`` runs a test with SQLite and with PostgreSQL, where that is installed.

It gives the URL of a database that is empty. PostgreSQL is a cluster of the tests' own, on a socket in a folder of its
own; it runs as the user ``postgres`` where the tests run as root, for it refuses to be root.
"""

from __future__ import annotations

import collections
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

SETPRIV = shutil.which("setpriv") or "setpriv"
_HBA = "local all locked scram-sha-256\nlocal all all trust\n"


class Postgres:
    """A cluster, begun with its folder."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.data = folder / "data"
        self._numbers = itertools.count(1)
        self._server = self._listener = None
        self._do("initdb", "--pgdata", self.data, "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
        (self.data / "pg_hba.conf").write_text(_HBA)
        self.start()

    def _words(self, program, *words):
        lasting = ("--pdeathsig", "SIGINT")
        user = ("--reuid", "postgres", "--regid", "postgres", "--clear-groups") if os.geteuid() == 0 else ()
        return [SETPRIV, *lasting, *user, str(self.programs / program), *map(str, words)]

    def _do(self, program, *words):
        done = subprocess.run(
            self._words(program, *words), cwd=self.folder, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "log_min_messages": "log",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._server = subprocess.Popen(
            self._words("postgres", "-D", self.data, *options), cwd=self.folder, stderr=subprocess.PIPE, text=True
        )
        for line in self._server.stderr:
            if "database system is ready to accept connections" in line:
                break
        else:
            pytest.fail("PostgreSQL has not started")
        # What it says is read on and forgotten: a pipe that is full would stop it.
        self._listener = threading.Thread(target=collections.deque, args=(self._server.stderr, 0), daemon=True)
        self._listener.start()

    def stop(self):
        """Stop the server at once, as a crash does."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
        self._server.wait()
        self._listener.join()
        self._server.stderr.close()

    def sql(self, text, database="postgres"):
        """Run some SQL; return what it said."""
        return self._do("psql", "-X", "-A", "-t", "-h", self.folder, "-U", "postgres", "-d", database, "-c", text)

    def url(self, name, user="postgres"):
        """Return the URL of a database."""
        return f"postgresql+psycopg://{user}@/{name}?host={self.folder}"

    def fresh(self):
        """Make a database; return its URL."""
        name = f"store{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)


@pytest.fixture(scope="session")
def postgres():
    """Run PostgreSQL; skip where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    pytest.importorskip("psycopg", reason="pip install 'cws-build[postgresql]'")
    folder = Path(tempfile.mkdtemp(prefix="cws-pg-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    cluster = Postgres(found[-1].parent, folder)
    yield cluster
    cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_database(request, tmp_path):
    """Return a function that makes an empty database and returns its URL; a test that asks runs with each kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").fresh
    folder, numbers = tmp_path / "database", itertools.count(1)
    folder.mkdir()
    return lambda: f"sqlite:///{folder / f'store{next(numbers)}.db'}"


@pytest.fixture
def databases(fresh_database):
    """Return the URL of an empty database: a test that asks for it runs with each kind."""
    return fresh_database()
