"""What the ways to a running environment cost: dollars and minutes side by side, and which way is the better one.

Waiting costs what the user says an hour is worth (``launch.value_of_time_usd_hour``), and nothing unless it is
said. A machine is billed by the second, for a minute at least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from cws_build.model import estimate
from cws_build.model.launching import Comparison, CopyStep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.model.estimate import Estimate
    from cws_build.model.image import Ami
    from cws_build.model.measured import History
    from cws_build.model.prices import Price, PriceBook
    from cws_build.model.reliability import Chance

_LEAST_BILLED = 60.0
_HOUR = 3600.0


class Ways(NamedTuple):
    """How long each way takes until the environment answers; None for a way that is not there."""

    ami: Estimate | None = None
    """The launch of a finished image, once it is in the region."""
    hybrid: Estimate | None = None
    script: Estimate | None = None
    copy: CopyStep | None = None
    """Its time is that of the copy alone; the launch of the image comes on top."""


class Terms(NamedTuple):
    """What things cost here."""

    instance_type: str
    hourly: Price | None = None
    """None where nobody can tell, and in the sandbox."""
    value_of_time_usd_hour: float = 0.0
    storage_usd_month: float | None = None
    script_fails: Chance | None = None
    """How often a launch by script fails; None counts as never."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What one launch by one way costs."""

    seconds: float
    """Until the environment answers."""
    usd: float | None
    """What AWS asks: the machine until it is ready, and the transfer; None where a price is unknown."""
    usd_with_waiting: float | None
    """With what the user's waiting is worth, and the same again for each failure that is to be expected."""


def compare(ways: Ways, terms: Terms) -> Comparison:
    """Put the ways side by side.

    The setup costs are those of the machine while it is not ready yet: the image's launch bills its own seconds too.
    """
    price = terms.hourly
    copied = estimate.together(ways.copy.seconds, ways.ami) if ways.copy and ways.ami else None
    return Comparison(
        ami=ways.ami,
        hybrid=ways.hybrid,
        script=ways.script,
        copy=copied,
        instance_type=terms.instance_type,
        usd_hour=price.usd_hour if price else None,
        price_as_of=price.as_of if price else "",
        price_kind=price.kind if price else "unknown",
        setup_usd_ami=machine_usd(ways.ami, price),
        setup_usd_script=machine_usd(ways.script, price),
        storage_usd_month=terms.storage_usd_month,
        value_of_time_usd_hour=terms.value_of_time_usd_hour,
        script_fails=terms.script_fails,
    )


def machine_usd(seconds: Estimate | None, price: Price | None) -> float | None:
    """Return what a machine costs until it is ready, at the median; None where time or price is unknown."""
    if seconds is None or price is None:
        return None
    return max(seconds.p50, _LEAST_BILLED) * price.usd_hour / _HOUR


def bill(seconds: Estimate, terms: Terms, copying: CopyStep | None = None, fails: Chance | None = None) -> Bill:
    """Return the bill of one launch.

    Args:
        seconds: The launch itself, without a copy before it.
        terms: Prices.
        copying: The copy before it, during which no machine runs.
        fails: How often it must be done again.
    """
    waited = seconds.p50 + (copying.seconds.p50 if copying else 0.0)
    usd = machine_usd(seconds, terms.hourly)
    if copying:
        usd = None if usd is None or copying.usd is None else usd + copying.usd
    waiting = waited * terms.value_of_time_usd_hour / _HOUR
    times = 1 + (fails.p if fails else 0.0)
    return Bill(seconds=waited, usd=usd, usd_with_waiting=None if usd is None else (usd + waiting) * times)


def better(ways: Ways, terms: Terms) -> Literal["copy", "script"]:
    """Decide between copying an image here first, and the script now (with a copy in the background for next time).

    The cheaper one in dollars with waiting; where a price is unknown, the quicker one. The script wins a tie: it
    leaves nothing behind that costs money.
    """
    if ways.copy is None or ways.ami is None:
        return "script"
    if ways.script is None:
        return "copy"
    by_copy, by_script = bill(ways.ami, terms, ways.copy), _by_script(ways.script, terms)
    if by_copy.usd_with_waiting is None or by_script.usd_with_waiting is None:
        return "copy" if by_copy.seconds < by_script.seconds else "script"
    return "copy" if by_copy.usd_with_waiting < by_script.usd_with_waiting else "script"


def copy_step(source: Ami, target: str, gb: float | None, book: PriceBook | None, history: History) -> CopyStep:
    """Return a copy of an image to another region, with its time and its price.

    Args:
        source: The image, in its own region.
        target: The region to copy to.
        gb: GiB that were written, which is what AWS bills; None where that is not known: then the volume's size
            bounds it, and the step says so.
        book: Prices; None in the sandbox, where a copy costs nothing.
        history: Copies that were measured here.
    """
    size = float(source.volume_gb) if gb is None else gb
    rate = 0.0 if book is None else book.transfer(source.region, target)
    return CopyStep(
        source=source,
        source_region=source.region,
        gb=size or None,
        usd=None if rate is None or not size else size * rate,
        seconds=estimate.copy(size, source.region, target, history),
        upper_bound=gb is None,
    )


def best_source(steps: Iterable[CopyStep], value_of_time_usd_hour: float) -> CopyStep | None:
    """Return the copy that costs least in dollars with waiting; of equals the first, None where there is none.

    The order of discovery is that of nearness, and AWS bills the transfer at the source's rate: what is near can
    cost several times as much. A price that is not known counts more than any that is.
    """

    def usd(step: CopyStep) -> tuple[bool, float]:
        return step.usd is None, (step.usd or 0.0) + step.seconds.p50 * value_of_time_usd_hour / _HOUR

    return min(steps, key=usd, default=None)


def saved_usd(ways: Ways, terms: Terms) -> float | None:
    """Return what a launch from an image saves against one by script, waiting included; None where it is unknown."""
    if ways.ami is None or ways.script is None:
        return None
    by_image, by_script = bill(ways.ami, terms), _by_script(ways.script, terms)
    if by_image.usd_with_waiting is None or by_script.usd_with_waiting is None:
        return None
    return by_script.usd_with_waiting - by_image.usd_with_waiting


def _by_script(seconds: Estimate, terms: Terms) -> Bill:
    return bill(seconds, terms, fails=terms.script_fails)


def speed_up(quick: Estimate | None, slow: Estimate | None) -> float | None:
    """Return how many times faster one way is than the other, at the medians; None where one is not there."""
    return slow.p50 / quick.p50 if quick and slow and quick.p50 > 0 else None
