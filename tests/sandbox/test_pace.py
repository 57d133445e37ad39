"""Work that is done after every change as long as it is quick, and more rarely when it is not."""

from __future__ import annotations

import time

from cws_build.sandbox.pace import QUICK, SHARE, Paced

SLOW = 10 * QUICK
"""Seconds of work; the pause that it earns must outlast all of a test, on a busy computer too."""


def busy(seconds):
    """Compute for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_quick_work_is_done_after_every_change():
    done, postponed = [], []
    work = Paced(lambda: done.append(1), lambda *words: postponed.append(words))
    for _ in range(5):
        work()
    assert (len(done), postponed) == (5, [])


def test_slow_work_is_done_once_for_all_changes_that_came_meanwhile():
    done, postponed = [], []

    def slow():
        done.append(1)
        busy(SLOW)

    work = Paced(slow, lambda *words: postponed.append(words))
    for _ in range(5):
        work()
    assert len(done) == len(postponed) == 1
    seconds, later = postponed[0]
    assert 0 < seconds < 2 * SHARE * SLOW
    later()
    assert len(done) == 2
