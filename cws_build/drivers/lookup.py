"""Answers about images and public parameters, remembered for a while in files.

Several processes may share the files: each is written elsewhere and renamed into place. A memory is only believed
when its question was asked after the last `forget`, so that an answer that was under way is not taken for news.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from cws_build.model.image import Ami, ImageQuery
from cws_build.ports.lookup import AllowedImages, Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from cws_build.drivers.lookup_identity import Whose
    from cws_build.ports.lookup import Lookup

_T = TypeVar("_T")
_DAY = 86400.0
_MOST = 500
"""So many memories of one region are kept before those that nobody can believe any more are swept."""


class Account(Protocol):
    """What is asked when memory does not serve."""

    @property
    def region(self) -> str:
        """The default region."""
        ...

    def reader(self, region: str = "") -> Lookup:
        """Return one region."""
        ...


class Lookups:
    """All regions of an account, read only.

    Args:
        folder: Where memories are kept.
        minutes: How long an answer about images is believed; public parameters are believed for a day.
        whose: Tells the account and its default region without opening a session.
        account: Opens the session.
    """

    def __init__(
        self, folder: Path, minutes: float, whose: Callable[[], Whose], account: Callable[[], Account]
    ) -> None:
        self._folder = folder
        self._seconds = minutes * 60
        self._whose = whose
        self._account = account
        self._lock = threading.RLock()
        self._opening = threading.Lock()
        self._who = ""
        self._regions: dict[str, Region] = {}

    def region(self, name: str = "") -> Region:
        """Return a region, the default one when none is named; raises InputError where none is configured."""
        with self._lock:
            if name and name in self._regions:
                return self._regions[name]
            named = name or self._whose().region or self._account().region
            if named not in self._regions:
                self._regions[named] = Region(named, self._memory(named), self._seconds, self._open)
            return self._regions[named]

    def _open(self) -> Account:
        """Open the account in one thread alone: dozens that do at once would each read all its descriptions."""
        with self._opening:
            return self._account()

    def _memory(self, region: str) -> Path:
        who = self._who = self._who or self._whose().who
        if not who:  # the sandbox does not run yet: the account starts it
            self._account()
            who = self._who = self._whose().who
        if not who:
            return Path(tempfile.gettempdir(), f"cws-build-nobody-{os.getpid()}", region)
        if not (self._folder / who).exists():
            _sweep(self._folder, 2 * _DAY)
        return self._folder / who / region


class Region:
    """One region; implements `cws_build.ports.lookup.Lookup`."""

    def __init__(self, name: str, memory: Path, seconds: float, account: Callable[[], Account]) -> None:
        self.region = name
        self._memory = memory
        self._seconds = seconds
        self._account = account
        self._asked: Lookup | None = None

    def images(self, query: ImageQuery) -> list[Ami]:
        """See the port."""
        fresh: list[list[Ami]] = []

        def ask() -> list[Ami]:
            fresh.append(self._reader.images(query))
            return fresh[0]

        found = self._recall(("images", query), ask, list[Ami], self._seconds)
        if fresh and query.ids:
            self._doubt(set(query.ids) - {ami.id for ami in found if not ami.is_deprecated(_now())})
        return found

    def parameter(self, name: str) -> str | None:
        """See the port."""
        # AWS's own change with a publisher's release; an account's own are moved by somebody who waits to see it.
        seconds = _DAY if name.startswith("/aws/") else self._seconds
        value: str | None = self._recall(("parameter", name), lambda: self._reader.parameter(name), Any, seconds)
        return value

    def fate(self, ami_id: str) -> Fate:
        """See the port."""
        return self._recall(("fate", ami_id), lambda: self._reader.fate(ami_id), Fate, self._seconds)

    def recycled(self, ami_id: str) -> bool:
        """See the port."""
        return self._recall(("recycled", ami_id), lambda: self._reader.recycled(ami_id), bool, self._seconds)

    def allowed(self) -> AllowedImages:
        """See the port."""
        return self._recall(("allowed", ""), lambda: self._reader.allowed(), AllowedImages, self._seconds)  # noqa: PLW0108  opens no session while memory serves

    def snapshots(self, ids: Iterable[str]) -> frozenset[str]:
        """See the port."""
        wanted = sorted(set(ids))
        ask = lambda: self._reader.snapshots(wanted)  # noqa: E731  bound to a name for the line's length alone
        return self._recall(("snapshots", wanted), ask, frozenset[str], self._seconds)

    def subscribed(self, product: str) -> bool | None:
        """See the port."""
        kind = bool | None
        return self._recall(("subscribed", product), lambda: self._reader.subscribed(product), kind, self._seconds)

    def account(self) -> str:
        """See the port."""
        return self._recall(("account", ""), lambda: self._reader.account(), str, _DAY)  # noqa: PLW0108  as above

    def forget(self) -> None:
        """See the port."""
        _write(self._memory / "forgotten", str(time.time()).encode())

    @property
    def _reader(self) -> Lookup:
        if self._asked is None:
            self._asked = self._account().reader(self.region)
        return self._asked

    def _recall(self, question: tuple[str, Any], ask: Callable[[], _T], kind: Any, seconds: float) -> _T:  # noqa: ANN401  any type that msgspec reads
        place = self._place(*question)
        known = _read(place, kind)
        now = time.time()
        if known is not None and self._since() < known[0] <= now < known[0] + seconds:
            answer: _T = known[1]
            return answer
        answer = ask()
        if place.parent.is_dir() and len(os.listdir(place.parent)) > _MOST:  # noqa: PTH208  names alone, without Paths
            _sweep(place.parent, _DAY)
        _write(place, msgspec.json.encode((now, answer)))
        return answer

    def _place(self, word: str, about: object) -> Path:
        digest = hashlib.sha256(msgspec.json.encode(about, order="deterministic")).hexdigest()[:24]
        return self._memory / f"{word}-{digest}.json"

    def _since(self) -> float:
        try:
            return float((self._memory / "forgotten").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0.0

    def _doubt(self, ids: set[str]) -> None:
        """Drop the parameters that name an image which has vanished or become deprecated."""
        for path in self._memory.glob("parameter-*.json") if ids else ():
            known = _read(path, Any)
            if known is not None and known[1] in ids:
                path.unlink(missing_ok=True)


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _read(path: Path, kind: Any) -> tuple[float, Any] | None:  # noqa: ANN401  any type that msgspec reads
    """Return when a question was asked and what the answer was; None for a file that is not there, or damaged."""
    try:
        known: tuple[float, Any] = msgspec.json.decode(path.read_bytes(), type=tuple[float, kind])
    except (OSError, msgspec.MsgspecError):
        return None
    return known


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole; a memory that cannot be kept is no error.

    In few calls, as dozens of threads do it at once, and each call hands Python's global lock to another one. Should
    the disk be full in the middle, what has been written is damaged and counts as none.
    """
    with contextlib.suppress(OSError):
        number, name = _new_file(path.parent)
        try:
            try:
                os.write(number, content)
            finally:
                os.close(number)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _new_file(folder: Path) -> tuple[int, str]:
    """Create a file, and its folder where that is not there yet; return its descriptor and its path."""
    try:
        return tempfile.mkstemp(prefix=".new-", dir=folder)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(prefix=".new-", dir=folder)


def _sweep(folder: Path, seconds: float) -> None:
    """Remove what has not been touched for so long that nobody will believe it."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if time.time() - path.stat().st_mtime < seconds:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
