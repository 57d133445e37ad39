"""What is saved of every region of every account, gathered from the services that have something worth keeping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cws_build.sandbox.reconcile import Reconciler
    from cws_build.sandbox.world import RegionRecord


def revive(places: Iterable[tuple[str, str]]) -> None:
    """Let every service read what was saved of regions of accounts: each does when it is first asked."""
    from moto.ec2.models import ec2_backends
    from moto.kms.models import kms_backends
    from moto.ssm.models import ssm_backends

    for account, region in places:
        for backends in (ec2_backends, ssm_backends, kms_backends):
            backends[account][region]


def records(reconciler: Reconciler) -> list[RegionRecord]:
    """Return what is saved, by account and region."""
    from moto.kms.models import kms_backends
    from moto.ssm.models import ssm_backends

    from cws_build.sandbox.world import RegionRecord

    found = {(b.account_id, b.region_name): b.to_record() for b in reconciler.backends()}

    def of(place: tuple[str, str]) -> RegionRecord:
        return found.setdefault(place, RegionRecord(account=place[0], region=place[1]))

    for place, parameters in _used(ssm_backends):
        of(place).parameters = parameters.to_records()
    for place, keys in _used(kms_backends):
        of(place).keys = keys.to_records()
    return [found[place] for place in sorted(found)]


def _used(backends: Any) -> Iterator[tuple[tuple[str, str], Any]]:  # noqa: ANN401 - moto's mapping of any service
    """Visit the regions of the accounts that have used a service; moto's own [] would make the others."""
    for account, regions in list(backends.items()):
        for region, backend in list(dict.items(regions)):
            yield (account, region), backend
