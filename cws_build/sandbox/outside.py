"""What happens to the account from outside: faults, images of others, subscriptions, regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import InputError
from cws_build.sandbox.records import Clock, Fault, OptIn, Stranger, Subscription

if TYPE_CHECKING:
    from cws_build.sandbox.faults import Faults
    from cws_build.sandbox.reconcile import Reconciler

IMAGES = "/sandbox/images"


class Outside:
    """Answers the requests that change what is no affair of the account's own API.

    Args:
        reconciler: Knows machines and images.
        faults: The faults in force.
    """

    def __init__(self, reconciler: Reconciler, faults: Faults) -> None:
        self.reconciler = reconciler
        self.faults = faults

    def change(self, method: str, path: str, body: bytes) -> object:
        """Do what a request asks for, and return what the answer holds.

        Raises:
            LookupError: There is no such route.
            MsgspecError: The body is not what the route takes.
            InputError: What it names is not there.
        """
        if method == "DELETE" and path.startswith(f"{IMAGES}/"):
            return self._withdraw(*path.removeprefix(f"{IMAGES}/").split("/", 1))
        routes = {
            "/sandbox/faults": self._add_fault,
            IMAGES: self._place,
            "/sandbox/subscriptions": self._subscribe,
            "/sandbox/regions": self._switch,
            "/sandbox/clock": self._advance,
        }
        if method != "POST":
            raise LookupError(path)
        return routes[path](body)

    def _add_fault(self, body: bytes) -> Fault:
        return self.faults.add(msgspec.json.decode(body, type=Fault, strict=False))

    def _place(self, body: bytes) -> object:
        from cws_build.sandbox.ec2.strangers import place

        return place(msgspec.json.decode(body, type=Stranger), self.reconciler.machines)

    def _withdraw(self, region: str, image_id: str = "") -> list[str]:
        from cws_build.sandbox.ec2.strangers import withdraw

        withdraw(region, image_id)
        self.reconciler.round()
        return []

    def _subscribe(self, body: bytes) -> Subscription:
        asked = msgspec.json.decode(body, type=Subscription)
        if asked.active:
            self.reconciler.world.subscriptions.add(asked.product_code)
        else:
            self.reconciler.world.subscriptions.discard(asked.product_code)
        return asked

    def _switch(self, body: bytes) -> OptIn:
        asked = msgspec.json.decode(body, type=OptIn)
        self.reconciler.world.regions.switch(asked.region, enabled=asked.enabled)
        return asked

    def _advance(self, body: bytes) -> Clock:
        asked = msgspec.json.decode(body, type=Clock)
        if asked.ahead < 0:
            raise InputError("the sandbox's clock goes forward only")
        self.reconciler.world.ahead += asked.ahead
        self.reconciler.round()
        return Clock(ahead=self.reconciler.world.ahead)
