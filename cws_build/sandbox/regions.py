"""Which regions there are, which of them the account has enabled, and what AWS answers in the others."""

from __future__ import annotations

from functools import cache

from cws_build.errors import InputError
from cws_build.sandbox.faults import Refusal

ALWAYS = frozenset(
    {
        "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
        "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
        "us-east-2", "us-west-1", "us-west-2",
    }
)  # fmt: skip
"""The regions that every account may use; all others must be opted in to."""
NOT_ENABLED = frozenset({"ap-southeast-6"})
"""What a new sandbox's account has not opted in to: one region, so that everybody meets the case."""

_UNKNOWN = {"ec2": "AuthFailure", "ssm": "InvalidSignatureException", "kms": "InvalidSignatureException"}
_NOT_ENABLED = {"ec2": "AuthFailure", "ssm": "UnrecognizedClientException", "kms": "UnrecognizedClientException"}
"""The code with which a service refuses credentials that mean nothing to it in a region."""
_WORDS = {
    "AuthFailure": "AWS was not able to validate the provided access credentials",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "InvalidClientTokenId": "The security token included in the request is invalid",
}
_GLOBAL = {"", "iam", "s3"}
"""Services that know one region or none."""


@cache
def known() -> tuple[str, ...]:
    """Return the regions of the commercial partition, by name."""
    from moto.ec2.models import EC2Backend

    return tuple(sorted(r.name for r in EC2Backend.regions if not r.name.startswith(("cn-", "us-gov-"))))


class Regions:
    """The regions as one account sees them."""

    def __init__(self) -> None:
        self._off = set(NOT_ENABLED)

    def switch(self, region: str, *, enabled: bool) -> None:
        """Opt in to a region, or out of it.

        Raises:
            InputError: There is no such region, or it is always enabled.
        """
        if region not in known() or region in ALWAYS:
            raise InputError(f"{region} is not a region that can be opted in to")
        if enabled:
            self._off.discard(region)
        else:
            self._off.add(region)

    def opt_in_status(self, region: str) -> str:
        """Return EC2's word: opt-in-not-required, opted-in, not-opted-in."""
        if region in ALWAYS:
            return "opt-in-not-required"
        return "not-opted-in" if region in self._off else "opted-in"

    def refusal(self, service: str, region: str) -> Refusal | None:
        """Return what AWS answers in a region that does not exist or is not enabled; None elsewhere."""
        if service in _GLOBAL or not region:
            return None
        if region not in known():
            message = f"Credential should be scoped to a valid region, not '{region}'. "
            return Refusal(_UNKNOWN.get(service, "SignatureDoesNotMatch"), message)
        if region not in self._off:
            return None
        code = _NOT_ENABLED.get(service, "InvalidClientTokenId")
        return Refusal(code, _WORDS[code])
