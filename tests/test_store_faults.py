"""What goes wrong around a store: a sentence and a next step, and nothing that was written is lost or half there."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from cws_build.drivers.database import Database
from cws_build.drivers.database_migrate import migrate, scripts
from cws_build.drivers.database_schema import META, REVISION
from cws_build.errors import StoreError
from tests.project import ROOT
from tests.test_store import Count, more

MOUNT, UMOUNT = (shutil.which(name) or name for name in ("mount", "umount"))


def counts(url):
    return Database(url).records(Count, "one")


@contextlib.contextmanager
def raw(url):
    """Open a database without any of the project's care."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def refused(url, words, write=True):
    """Use a store, which must not work; return what was said."""
    with pytest.raises(StoreError, match=words) as error:
        counts(url).put("a", Count(n=9)) if write else counts(url).get("a")
    assert error.value.hint
    assert error.value.exit_code == 6
    return error.value.message


def test_a_store_of_a_newer_version_is_left_alone(databases):
    counts(databases).put("a", Count(n=1))
    with raw(databases) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9000'"))
    refused(databases, "is of a newer version of cws-build")
    refused(databases, "is of a newer version of cws-build", write=False)
    with raw(databases) as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9000"
        assert connection.execute(sa.text("SELECT document FROM records")).scalar() == '{"n":1}'


@pytest.mark.parametrize("old", [script.revision for script in scripts().walk_revisions()])
def test_an_older_store_is_migrated_and_keeps_everything(databases, old):
    with raw(databases) as connection:
        migrate(connection, old)
        row = {"kind": "count", "account": "one", "key": "a", "document": '{"n": 7}'}
        connection.execute(META.tables["records"].insert().values(**row))
    assert counts(databases).get("a") == Count(n=7)
    assert Database(databases).status().schema == REVISION


def test_the_migrations_make_the_tables_that_the_driver_uses(databases):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    counts(databases).put("a", Count())
    with raw(databases) as connection:
        assert compare_metadata(MigrationContext.configure(connection), META) == []
    assert scripts().get_heads() == [REVISION]


STUCK = """
import sys
from tests.test_store import Count
from cws_build.drivers.database import Database

def think(count):
    print("thinking", flush=True)
    sys.stdin.read()

Database(sys.argv[1]).records(Count, "one").put("b", Count(n=2))
Database(sys.argv[1]).records(Count, "one").change("a", think)
"""


def test_a_process_that_is_killed_in_a_change_leaves_what_was_there(databases):
    counts(databases).put("a", Count(n=1))
    words = [sys.executable, "-c", STUCK, databases]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "thinking\n"
        child.send_signal(signal.SIGKILL)
    assert counts(databases).all() == {"a": Count(n=1), "b": Count(n=2)}
    assert counts(databases).change("a", more) == Count(n=2)


@pytest.fixture
def small_disk(tmp_path):
    """Make a disk of 400 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run([MOUNT, "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run([UMOUNT, "-l", disk], check=True)


def fill(disk):
    """Fill a disk to the last byte."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1024)):
            pass


def test_a_disk_that_fills_up_loses_nothing_that_was_written(small_disk):
    url = f"sqlite:///{small_disk / 'store.db'}"
    table, written = counts(url), ["0"]
    table.put("0", Count())
    fill(small_disk)

    def put_more():
        for number in range(1, 10_000):
            table.put(str(number), Count(n=number))
            written.append(str(number))

    with pytest.raises(StoreError, match="No space left on device") as error:
        put_more()
    assert "df -h" in error.value.hint
    table._database.close()
    (small_disk / "filler").unlink()
    kept = counts(url).all()
    assert set(kept) >= set(written)
    with contextlib.closing(sqlite3.connect(small_disk / "store.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert counts(url).change("a", more) == Count(n=1)


def test_a_disk_that_is_full_makes_no_half_store(small_disk):
    fill(small_disk)
    url = f"sqlite:///{small_disk / 'store.db'}"
    refused(url, "No space left on device")
    (small_disk / "filler").unlink()
    counts(url).put("a", Count(n=1))
    assert counts(url).get("a") == Count(n=1)


@contextlib.contextmanager
def somebody():
    """Be a user who may not write what root has made."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """Make a folder that everybody may look into."""
    folder = Path(tempfile.mkdtemp(prefix="cws-store-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_store_that_must_not_be_written(open_folder):
    file = open_folder / "store.db"
    url = f"sqlite:///{file}"
    counts(url).put("a", Count(n=1))
    file.chmod(0o444)
    open_folder.chmod(0o555)
    with somebody():
        refused(url, "it cannot be opened|it must not be written")
        refused(f"sqlite:///{open_folder / 'more' / 'store.db'}", "Permission denied")
    assert counts(url).get("a") == Count(n=1)


def test_a_file_that_is_no_store(tmp_path):
    file = tmp_path / "store.db"
    file.write_text("dear diary, " * 100)
    assert str(file) in refused(f"sqlite:///{file}", "it is no store")
    assert file.read_text().startswith("dear diary")


def test_a_folder_in_the_place_of_a_store(tmp_path):
    (tmp_path / "store.db").mkdir()
    refused(f"sqlite:///{tmp_path / 'store.db'}", "it cannot be opened")


@pytest.mark.parametrize(
    "url", ["mysql://me:secret@host/x", "store.db", "sqlite://", "postgresql+asyncpg://me:secret@host/x", "postgresql"]
)
def test_what_names_no_store(url):
    with pytest.raises(StoreError) as error:
        Database(url)
    assert "postgresql+psycopg://" in error.value.hint
    assert "secret" not in error.value.message


def test_an_at_sign_in_a_password_is_told_without_the_password():
    with pytest.raises(StoreError, match="%40") as error:
        Database("postgresql://me:se@cret@host/x")
    assert "cret" not in error.value.message + error.value.hint


def test_a_server_that_is_stopped_and_started_again(postgres):
    url = postgres.fresh()
    table = counts(url)
    table.put("a", Count(n=1))
    postgres.stop()
    try:
        for _ in range(2):
            with pytest.raises(StoreError, match=r"the store postgresql\+psycopg://.*: ") as error:
                table.change("a", more)
            assert "is PostgreSQL running there?" in error.value.hint
    finally:
        postgres.start()
    assert table.change("a", more) == Count(n=2)


def test_a_wrong_password_is_told_and_not_shown(postgres):
    postgres.sql("CREATE ROLE locked LOGIN PASSWORD 'right'")
    url = postgres.fresh().replace("postgres@", "locked:wro%2Fng@")
    said = refused(url, "password authentication failed")
    assert "wro" not in said


def test_a_database_that_does_not_exist(postgres):
    assert "createdb" in postgres_hint(postgres.url("nothing"))


def test_a_user_who_may_not_make_tables(postgres):
    postgres.sql("CREATE ROLE poor LOGIN")
    assert "CREATE" in postgres_hint(postgres.fresh().replace("postgres@", "poor@"))


def postgres_hint(url):
    with pytest.raises(StoreError) as error:
        counts(url).put("a", Count())
    return error.value.hint
