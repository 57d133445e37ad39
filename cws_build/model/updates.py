"""What should be baked anew, why, and when: a pure function.

It is given launches, base images, advisories, pending updates, the policy and the clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cws_build.model.freshness import Freshness, days_between
from cws_build.model.pending import SecurityUpdate
from cws_build.model.windows import next_opening, window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cws_build.model.settings import UpdateSettings

SEVERITIES = ("critical", "high", "medium", "low")


class Threat(msgspec.Struct, frozen=True, kw_only=True):
    """An advisory that concerns an image."""

    id: str
    package: str
    severity: str
    published: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one template on one architecture in one region."""

    template: str
    architecture: str
    region: str
    ami_id: str = ""
    """Its newest finished image; empty where there is none."""
    freshness: Freshness | None = None
    newest_base: str = ""
    newest_base_at: str = ""
    launches: tuple[float, ...] = ()
    """How many days ago it was launched by script, each time."""
    threats: tuple[Threat, ...] = ()
    baked_at: str = ""
    """When the oldest layer of its image was baked, ISO 8601 UTC; empty where that is not known."""
    pending: tuple[SecurityUpdate, ...] = ()
    """Security updates that its distribution offers, and its image lacks."""
    seconds: float | None = None
    """What a bake takes."""
    usd: float | None = None
    """What a bake costs; None where no price is known, 0 in the sandbox."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why something should be baked."""

    kind: str
    """``security``, ``base``, ``template``, ``schedule`` or ``popularity``."""
    detail: str
    due: datetime
    """When it should have been done."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One bake that is due or will be."""

    template: str
    architecture: str
    region: str
    ami_id: str
    reasons: tuple[Reason, ...]
    due: datetime
    at: datetime | None
    """When it shall be done; None where no budget allows it."""
    budget: str
    """``day``, ``month``, ``emergency``, or why there is none."""
    usd: float | None
    seconds: float | None
    refresh: bool
    """It must be baked from the base image: layers that did not change would bring their old packages along."""
    freshness: Freshness | None = None
    """The image's; None where there is none."""

    @property
    def urgent(self) -> bool:
        """Whether it does not wait for a window."""
        return any(reason.kind == "security" for reason in self.reasons) and self.budget == "emergency"


class Spent(msgspec.Struct, frozen=True):
    """Dollars that bakes have cost so far, today and in this month, UTC."""

    day: float = 0.0
    month: float = 0.0
    emergency: float = 0.0
    """Of the month's sum, what went to the emergency budget."""


class UpdatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """All decisions, the most urgent first."""

    decisions: tuple[Decision, ...]
    fresh: tuple[Facts, ...]
    """What needs nothing."""
    warnings: tuple[str, ...] = ()

    def now(self, clock: datetime) -> tuple[Decision, ...]:
        """Return what shall be done by now."""
        return tuple(one for one in self.decisions if one.at is not None and one.at <= clock)


def plan_updates(facts: Iterable[Facts], policy: UpdateSettings, spent: Spent, now: datetime) -> UpdatePlan:
    """Decide what to bake, and when.

    Each reason has a time by which it should be met; of several the earliest counts. Bakes are put into the budgets
    in the order of these times. What an advisory makes urgent starts at once, and may use the emergency budget; all
    else waits for a window.

    Args:
        facts: Templates, with their images.
        policy: The table ``[updates]`` of the settings.
        spent: What bakes have cost so far.
        now: The clock.
    """
    known = list(facts)
    wanted = sorted(
        ((one, reasons) for one in known if (reasons := _reasons(one, policy, now))),
        key=lambda pair: (min(reason.due for reason in pair[1]), *_place(pair[0])),
    )
    purse, decisions = _Purse(policy, spent), []
    for one, reasons in wanted:
        decisions.append(_decision(one, reasons, policy, purse, now))
    busy = {(one.template, one.architecture, one.region) for one in decisions}
    return UpdatePlan(
        decisions=tuple(decisions),
        fresh=tuple(one for one in known if _place(one) not in busy),
        warnings=tuple(warning for one in known for warning in (*_continuity(one, now), *_in_vain(one))),
    )


def _place(one: Facts) -> tuple[str, str, str]:
    return one.template, one.architecture, one.region


def _reasons(one: Facts, policy: UpdateSettings, now: datetime) -> list[Reason]:
    fresh = one.freshness
    if fresh is None:
        return list(_popularity(one, policy, now))
    found = [
        Reason(
            kind="security",
            detail=f"{threat.id} ({threat.severity}): {threat.package}",
            due=datetime.fromisoformat(threat.published) + timedelta(hours=policy.deadline_hours[threat.severity]),
        )
        for threat in one.threats
    ]
    found += _offered(one, policy)
    behind = fresh.base_days_behind
    if behind is not None and behind > 0:
        due = datetime.fromisoformat(one.newest_base_at) + timedelta(days=policy.base_days)
        detail = f"the base image is {behind:.0f} days behind {one.newest_base}"
        found.append(Reason(kind="base", detail=detail, due=due))
    if fresh.template_changed:
        found.append(Reason(kind="template", detail=f"changed: {', '.join(fresh.template_changed)}", due=now))
    if policy.max_age_days and fresh.age_days is not None:
        left = timedelta(days=policy.max_age_days - fresh.age_days)
        detail = f"{fresh.age_days:.0f} days old, {policy.max_age_days:g} at most"
        found.append(Reason(kind="schedule", detail=detail, due=now + left))
    return [reason for reason in found if reason.kind == "security" or reason.due <= now]


def _offered(one: Facts, policy: UpdateSettings) -> Iterable[Reason]:
    """Yield one reason for all security updates of a severity, due when the first of them is."""
    useful = [update for update in one.pending if not _passed_over(update, one)]
    for severity in (*SEVERITIES, ""):
        these = [update for update in useful if update.severity == severity]
        if not these:
            continue
        counts_as = severity or policy.unrated_security
        rated = severity or f"not rated, counted as {counts_as}"
        yield Reason(
            kind="security",
            detail=f"{_counted(these)} ({rated}): {_named(these)}",
            due=min(datetime.fromisoformat(update.since) for update in these)
            + timedelta(hours=policy.deadline_hours[counts_as]),
        )


def _passed_over(update: SecurityUpdate, one: Facts) -> bool:
    """Tell whether the image was baked when the update was offered already: another bake would pass it over too."""
    return (days_between(update.since, one.baked_at) or 0.0) > 0


def _in_vain(one: Facts) -> Iterable[str]:
    """Warn of security updates that no bake brings, as the base image has the old packages."""
    these = [update for update in one.pending if _passed_over(update, one)]
    if these:
        what = f"{one.template} {one.architecture} in {one.region}: {_counted(these)} ({_named(these)})"
        said = "offered already when it was baked, and baking does not install"
        way = "a newer base image does, or an upgrade in the template's post_install"
        yield f"{what}, {said} {'it' if len(these) == 1 else 'them'}: {way}"


def _counted(updates: Sequence[SecurityUpdate]) -> str:
    return f"{len(updates)} security update{'s' if len(updates) > 1 else ''}"


def _named(updates: Sequence[SecurityUpdate]) -> str:
    names = [f"{one.package} {one.offered}" for one in updates[:_NAMES]]
    more = [f"{len(updates) - _NAMES} more"] if len(updates) > _NAMES else []
    return ", ".join([*names, *more])


_NAMES = 3
"""So many packages are named in a sentence."""


def _popularity(one: Facts, policy: UpdateSettings, now: datetime) -> Iterable[Reason]:
    """Yield a reason to bake what is often launched by script and has no image."""
    recent = sum(1 for age in one.launches if age <= policy.popular_days)
    if policy.popular and recent >= policy.popular:
        detail = f"{recent} launches by script in {policy.popular_days:g} days, and no image"
        yield Reason(kind="popularity", detail=detail, due=now)


def _decision(one: Facts, reasons: Sequence[Reason], policy: UpdateSettings, purse: _Purse, now: datetime) -> Decision:
    due = min(reason.due for reason in reasons)
    pressing = any(reason.kind == "security" for reason in reasons)
    opening = next_opening([window(text) for text in policy.windows], now)
    waits = opening > now and not (pressing and opening > due)
    budget = purse.take(one.usd or 0.0, pressing=pressing)
    aged = any(reason.kind not in {"template", "popularity"} for reason in reasons)
    return Decision(
        template=one.template,
        architecture=one.architecture,
        region=one.region,
        ami_id=one.ami_id,
        reasons=tuple(sorted(reasons, key=lambda reason: reason.due)),
        due=due,
        at=None if budget not in _PURSES else opening if waits else now,
        budget=budget,
        usd=one.usd,
        seconds=one.seconds,
        refresh=aged,
        freshness=one.freshness,
    )


_PURSES = ("day", "emergency")


class _Purse:
    """What may still be spent; 0 in the policy stands for no bound."""

    def __init__(self, policy: UpdateSettings, spent: Spent) -> None:
        self._policy, self._spent = policy, spent

    def take(self, usd: float, *, pressing: bool) -> str:
        """Take a sum out; return from where, or why it is not there."""
        policy, spent = self._policy, self._spent
        over_day = policy.usd_day and spent.day + usd > policy.usd_day
        over_month = policy.usd_month and spent.month + usd > policy.usd_month
        if not (over_day or over_month):
            self._spent = Spent(spent.day + usd, spent.month + usd, spent.emergency)
            return "day"
        if pressing and spent.emergency + usd <= policy.usd_emergency_month:
            self._spent = Spent(spent.day + usd, spent.month + usd, spent.emergency + usd)
            return "emergency"
        kind = "month" if over_month else "day"
        return f"the budget of this {kind} is spent"


def _continuity(one: Facts, now: datetime) -> Iterable[str]:
    """Warn of a base image that is going, or gone, while an image still rests on it."""
    fresh = one.freshness
    if fresh is None:
        return
    what = f"{one.template} {one.architecture} in {one.region}"
    if fresh.base_gone:
        yield f"{what}: the base image of {one.ami_id} is gone; keep {one.ami_id} until a newer one is tested"
    elif fresh.base_deprecated and datetime.fromisoformat(fresh.base_deprecated) <= now + timedelta(days=_SOON):
        when = fresh.base_deprecated[:10]
        yield f"{what}: its base image is deprecated from {when} on; cws-build ami copy can still keep one of your own"


_SOON = 60
"""Days before a base image's deprecation from which on it is warned about."""
