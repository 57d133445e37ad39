"""A stranger's code in a thread of its own: what it raises is its own failure, and never the user's Ctrl-C."""

from __future__ import annotations

import pytest

from cws_build.bounded import bounded


def raising(kind):
    def call():
        raise kind("stranger")

    return call


@pytest.mark.parametrize(
    ("raised", "seen"), [(ValueError, ValueError), (SystemExit, SystemExit), (KeyboardInterrupt, RuntimeError)]
)
def test_what_it_raises(raised, seen):
    with pytest.raises(seen):
        bounded(raising(raised), 5)


def test_a_helper_that_has_met_trouble_serves_again():
    with pytest.raises(RuntimeError):
        bounded(raising(KeyboardInterrupt), 5)
    assert bounded(lambda: 7, 5) == 7
