"""Runs on disk: a folder each, with a journal that is written ahead of the cloud.

The journal is a file of JSON lines, flushed to disk line by line: it can be read after a crash at any byte,
and a line that was cut off is simply not there. Whether a run is alive is asked of the kernel, which frees
the run's file lock when its process ends, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from cws_build.errors import Interrupted, ToolError
from cws_build.ports import PastRun, RunInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from cws_build.ports import Cancel

_GRACE_SECONDS = 60.0
"""How long an orphaned tool may take to clean up after SIGTERM before it is killed."""
_DISK = "df -h shows how full the disk is; CWS_BUILD_STATE names another place for runs"


class DiskRun:
    """One open run; implements `cws_build.ports.Run`."""

    def __init__(self, info: RunInfo, folder: Path, journal: FileIO) -> None:
        self.info = info
        self.folder = folder
        self._journal = journal
        self._kept = False

    def _write(self, what: str, **fields: object) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "what": what, **fields}).encode() + b"\n"
        try:
            _append(self._journal, line)
        except OSError as error:
            raise ToolError(f"cannot write {self.folder / 'journal.jsonl'}: {error.strerror}", hint=_DISK) from error

    def intend(self, kind: str, name: str) -> None:
        """See the port."""
        self._write("intend", kind=kind, id=name)

    def made(self, kind: str, ident: str) -> None:
        """See the port."""
        self._write("made", kind=kind, id=ident)

    def gone(self, kind: str, ident: str) -> None:
        """See the port."""
        self._write("gone", kind=kind, id=ident)

    def keep(self, until: str) -> None:
        """See the port."""
        self._kept = True
        self._write("keep", until=until)

    def finish(self, outcome: str, result: object = None) -> None:
        """See the port."""
        if result is not None:
            (self.folder / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))
        self._write("finish", outcome=outcome)
        if not self._kept:
            self._tidy()

    def _tidy(self) -> None:
        """Remove what served the run alone: its key, and Packer's own folders."""
        for name in ("key", "key.pub"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "packer-home", ignore_errors=True)


class DiskRuns:
    """All runs below one folder; implements `cws_build.ports.Runs`."""

    def __init__(self, state: Path) -> None:
        self._runs = state / "runs"
        self._locks = state / "locks"

    @contextmanager
    def begin(self, info: RunInfo) -> Iterator[DiskRun]:
        """See the port."""
        folder = self._runs / info.id
        try:
            folder.mkdir(parents=True, mode=0o700)
            lock = (folder / "lock").open("w")
            journal = (folder / "journal.jsonl").open("ab", buffering=0)
        except OSError as error:
            raise ToolError(f"cannot write {folder}: {error.strerror}", hint=_DISK) from error
        with lock, journal:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run = DiskRun(info, folder, journal)
            run._write("begin", info=msgspec.to_builtins(info))  # noqa: SLF001  the journal's first line is its own
            yield run

    def results(self) -> list[dict[str, Any]]:
        """See the port."""
        read = map(_document, sorted(self._runs.glob("*/result.json")))
        return [result for result in read if result is not None]

    def recipe(self, run: str) -> dict[str, Any] | None:
        """See the port."""
        return _document(self._runs / run / "workspace" / "recipe.json") if run else None

    def past(self) -> list[PastRun]:
        """See the port."""
        folders = sorted(self._runs.glob("*/")) if self._runs.is_dir() else []
        return [run for run in map(_read, folders) if run is not None]

    @contextmanager
    def lock(self, name: str, waiting: Callable[[], None], cancel: Cancel) -> Iterator[None]:
        """See the port."""
        self._locks.mkdir(parents=True, exist_ok=True)
        with (self._locks / name).open("w") as file:
            if not _try_lock(file):
                waiting()
                while not _try_lock(file):
                    if cancel.is_set():
                        raise Interrupted("stopped while waiting for another bake of the same recipe")
                    time.sleep(0.2)
            yield

    def end_children(self, run: PastRun) -> None:
        """See the port."""
        ours = _working_in(run.folder)
        for how in (signal.SIGTERM, signal.SIGKILL):
            for pid in ours:
                _signal_group(pid, how)
            ours = _wait_for(ours, _GRACE_SECONDS)

    def forget(self, run: PastRun) -> None:
        """See the port."""
        with (run.folder / "journal.jsonl").open("ab", buffering=0) as journal:
            reaped = DiskRun(run.info, run.folder, journal)
            for kind, ident in run.open:
                reaped.gone(kind, ident)
            reaped.finish("reaped")


def _document(file: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds, None for one that is not there or was cut off by a crash."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _append(journal: FileIO, line: bytes) -> None:
    """Bring a whole line to the disk, or none of it: what is cut off would spoil the next line as well."""
    end = journal.seek(0, os.SEEK_END)
    if journal.write(line) < len(line):
        journal.truncate(end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(journal.fileno())


def _read(folder: Path) -> PastRun | None:
    try:
        lines = list(_lines((folder / "journal.jsonl").read_text(encoding="utf-8")))
        info = msgspec.convert(lines[0]["info"], RunInfo)
    except (OSError, LookupError, msgspec.ValidationError):
        return None
    resources: dict[tuple[str, str], bool] = {}
    for line in lines:
        if line["what"] in {"intend", "made", "gone"}:
            resources[line["kind"], line["id"]] = line["what"] != "gone"
    return PastRun(
        info=info,
        folder=folder,
        alive=_is_locked(folder / "lock"),
        finished=any(line["what"] == "finish" for line in lines),
        kept_until=next((line["until"] for line in reversed(lines) if line["what"] == "keep"), ""),
        open=tuple(key for key, there in resources.items() if there),
    )


def _lines(text: str) -> Iterator[dict[str, Any]]:
    """Yield the lines that were written whole."""
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as file:
            return not _try_lock(file)
    except OSError:
        return False


def _working_in(folder: Path) -> list[int]:
    """Return the processes that name a run's folder on their command line: its tools, and nobody else's."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            named = str(folder).encode() in entry.read_bytes()
        except OSError:
            continue
        if named and int(entry.parent.name) != os.getpid():
            found.append(int(entry.parent.name))
    return found


def _signal_group(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(os.getpgid(pid), how)


def _wait_for(pids: list[int], seconds: float) -> list[int]:
    """Wait for processes to end; return those that did not."""
    deadline = time.monotonic() + seconds
    while pids and time.monotonic() < deadline:
        pids = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        time.sleep(0.1)
    return pids
