"""Runs: a folder each, for workspace, logs and key, and a journal in the store that is written ahead of the cloud.

Whether a run of this computer is alive is asked of the kernel, which frees the file lock in the run's folder when its
process ends, however it ends. A run of another computer that shares the store cannot be asked: it counts as alive
until its time is over.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import shutil
import signal
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from cws_build.drivers.database import Database
from cws_build.drivers.descendants import naming
from cws_build.drivers.old_runs import carry_over
from cws_build.drivers.run_log import Line, LoggedResult, LoggedRun, RunLog
from cws_build.drivers.tool_home import remove_home
from cws_build.errors import Interrupted, ToolError
from cws_build.ports import EndedRun, PastRun, RunInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from cws_build.ports import Cancel

_GRACE_SECONDS = 60.0
"""How long an orphaned tool may take to clean up after SIGTERM before it is killed."""
_DISK = "df -h shows how full the disk is; CWS_BUILD_STATE names another place for runs"


class DiskRun:
    """One open run; implements `cws_build.ports.Run`.

    Args:
        info: What it is.
        folder: Its own.
        begun: Has the journal, as soon as the run stands in it; every line waits for that.
    """

    def __init__(self, info: RunInfo, folder: Path, begun: Future[RunLog]) -> None:
        self.info = info
        self.folder = folder
        self._begun = begun
        self._kept = False

    def _write(self, *lines: Line, result: str | None = None) -> None:
        self._begun.result().write(self.info.id, *lines, result=result)

    def intend(self, kind: str, name: str) -> None:
        """See the port."""
        self._write(Line("intend", kind, name))

    def made(self, kind: str, ident: str, intended: str = "") -> None:
        """See the port."""
        self._write(Line("made", kind, ident), *([Line("gone", kind, intended)] if intended else []))

    def gone(self, *resources: tuple[str, str]) -> None:
        """See the port."""
        self._write(*(Line("gone", kind, ident) for kind, ident in resources))

    def keep(self, until: str) -> None:
        """See the port."""
        self._kept = True
        self._write(Line("keep", name=until))

    def finish(self, outcome: str, result: object = None) -> None:
        """See the port."""
        document = None if result is None else msgspec.json.encode(result).decode()
        self._write(Line("finish", name=outcome), result=document)
        if not self._kept:
            _tidy(self.folder)


def _tidy(folder: Path) -> None:
    """Remove what served a run alone: its key, and Packer's own folders."""
    for name in ("key", "key.pub"):
        (folder / name).unlink(missing_ok=True)
    remove_home(folder)


class DiskRuns:
    """All runs of a store; implements `cws_build.ports.Runs`.

    Args:
        state: The state folder, below which the folders of this computer's runs are.
        database: The store; one in a file of the state folder when none is given.
    """

    def __init__(self, state: Path, database: Callable[[], Database] | None = None) -> None:
        self._runs = state / "runs"
        self._locks = state / "locks"
        self._place = f"{os.uname().nodename}:{state}"
        self._database = database or (lambda: Database(state / "store.db"))
        self._opened: RunLog | None = None
        self._begun: Future[RunLog] | None = None

    def _log(self) -> RunLog:
        """Return the runs in the store, those of older versions of cws-build among them."""
        if self._opened is None:
            log = RunLog(self._database())
            carry_over(self._runs, self._place, log)
            self._opened = log
        return self._opened

    def prepare(self) -> None:
        """See the port."""
        # Not a daemon: the end of the program must not come in the middle of an import.
        threading.Thread(target=importlib.import_module, args=("cws_build.drivers.database_engine",)).start()

    @contextmanager
    def begin(self, info: RunInfo) -> Iterator[DiskRun]:
        """See the port."""
        folder = self._runs / info.id
        try:
            folder.mkdir(parents=True, mode=0o700)
            lock = (folder / "lock").open("w")
        except OSError as error:
            raise ToolError(f"cannot write {folder}: {error.strerror}", hint=_DISK) from error
        from concurrent.futures import ThreadPoolExecutor

        # The store is opened while the run makes its key and renders: nothing exists before the first line is written.
        with lock, ThreadPoolExecutor(1, "journal") as pool:
            fcntl.flock(lock, fcntl.LOCK_EX)
            begun = self._begun = pool.submit(self._write_down, info)
            try:
                yield DiskRun(info, folder, begun)
                begun.result()
            finally:
                if begun.exception():
                    shutil.rmtree(folder, ignore_errors=True)

    def _write_down(self, info: RunInfo) -> RunLog:
        log = self._log()
        log.add(LoggedRun(info, self._place))
        return log

    def ended(self, account: str) -> Iterator[EndedRun]:
        """See the port."""
        for run in self._log().ended(account):
            result = msgspec.json.decode(run.text)
            if isinstance(result, dict) and self._concerns_us(run):
                yield EndedRun(run.info, result)

    def recipe(self, run: str) -> dict[str, Any] | None:
        """See the port."""
        return _document(self._runs / run / "workspace" / "recipe.json") if run else None

    def past(self, *, unfinished: bool = False) -> list[PastRun]:
        """See the port."""
        if self._begun is not None:
            self._begun.exception()  # what this process has begun stands there, or is nothing
        runs = [run for run in self._log().runs(unfinished=unfinished) if self._concerns_us(run)]
        return [
            PastRun(
                info=run.info,
                folder=self._runs / run.info.id,
                alive=self._is_alive(run),
                finished=run.finished,
                kept_until=run.kept_until,
                open=run.open,
            )
            for run in runs
        ]

    def _concerns_us(self, run: LoggedRun | LoggedResult) -> bool:
        """Leave out what ran in another computer's sandbox: neither can it be reached, nor was it measured here."""
        return run.info.account != "sandbox" or self._is_ours(run)

    def _is_ours(self, run: LoggedRun | LoggedResult) -> bool:
        """Tell whether a run began here: a computer may be renamed, and a folder moved with everything in it."""
        return run.place == self._place or (self._runs / run.info.id).is_dir()

    def _is_alive(self, run: LoggedRun) -> bool:
        if run.finished:
            return False
        if self._is_ours(run):
            return _is_locked(self._runs / run.info.id / "lock")
        expires = run.info.expires
        return not (expires and datetime.fromisoformat(expires) < datetime.now(UTC))

    @contextmanager
    def lock(self, name: str, waiting: Callable[[], None], cancel: Cancel) -> Iterator[None]:
        """See the port."""
        try:
            self._locks.mkdir(parents=True, exist_ok=True)
            opened = (self._locks / name).open("w")
        except OSError as error:
            raise ToolError(f"cannot write {self._locks / name}: {error.strerror}", hint=_DISK) from error
        with opened as file:
            if not _try_lock(file):
                waiting()
                while not _try_lock(file):
                    if cancel.is_set():
                        raise Interrupted("stopped while waiting for another bake of the same recipe")
                    time.sleep(0.2)
            yield

    def end_children(self, run: PastRun) -> None:
        """See the port."""
        ours = naming(run.folder)
        for how in (signal.SIGTERM, signal.SIGKILL):
            for pid in ours:
                _signal_group(pid, how)
            ours = _wait_for(ours, _GRACE_SECONDS)

    def forget(self, run: PastRun) -> None:
        """See the port."""
        gone = [Line("gone", kind, ident) for kind, ident in run.open]
        self._log().write(run.info.id, *gone, Line("finish", name="reaped"))
        _tidy(run.folder)


def _document(file: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds, None for one that is not there or was cut off by a crash."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


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
