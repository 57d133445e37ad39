"""When work may be done: windows such as ``02:00-06:00`` or ``sat 22:00-04:00``, in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?:(mon|tue|wed|thu|fri|sat|sun)\s+)?(\d\d):(\d\d)-(\d\d):(\d\d)", re.IGNORECASE)
_LAST_HOUR, _LAST_MINUTE = 23, 59
_WEEK = 8
"""Days to look ahead: a week and the day that it begins on."""


class Window(msgspec.Struct, frozen=True):
    """A time of each day, or of one weekday; one that ends before it begins goes over midnight."""

    weekday: int | None
    begin: timedelta
    length: timedelta


def window(text: str) -> Window:
    """Read a window; raises InputError."""
    found = _WINDOW.fullmatch(text.strip())
    numbers = [int(part) for part in found.groups()[1:]] if found else []
    fits = numbers and max(numbers[::2]) <= _LAST_HOUR and max(numbers[1::2]) <= _LAST_MINUTE
    if found is None or not fits:
        raise InputError(f"'{text}' is no window of time", hint="such as 02:00-06:00, or sat 22:00-04:00, in UTC")
    begin, end = (timedelta(hours=numbers[at], minutes=numbers[at + 1]) for at in (0, 2))
    day = _DAYS.index(found[1].lower()) if found[1] else None
    return Window(day, begin, end - begin if end > begin else end - begin + timedelta(days=1))


def next_opening(windows: Sequence[Window], now: datetime) -> datetime:
    """Return the first time from now on that lies in a window: now itself, or when the next one begins."""
    if not windows:
        return now
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [
        today + timedelta(days=day) + one.begin
        for one in windows
        for day in range(-1, _WEEK)
        if one.weekday is None or (today + timedelta(days=day)).weekday() == one.weekday
    ]
    lengths = {id(one): one.length for one in windows}
    for one in windows:
        for day in (-1, 0):
            begin = today + timedelta(days=day) + one.begin
            fits = one.weekday is None or (today + timedelta(days=day)).weekday() == one.weekday
            if fits and begin <= now < begin + lengths[id(one)]:
                return now
    return min(start for start in starts if start > now)
