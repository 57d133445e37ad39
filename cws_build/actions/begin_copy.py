"""Begin one copy of one image in one region, once: whoever asks again, after whatever, gets the same copy.

The ledger's line with the client token is written before CopyImage is called, and the id after it. A process that
dies between the two leaves a line without an id; the same token then leads to the copy, or makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cws_build.actions.remember import account_name, records
from cws_build.actions.waiting import Wait
from cws_build.actions.whereabouts import same_content, whereabouts
from cws_build.errors import CloudError
from cws_build.model.events import Notice
from cws_build.model.image import DIGEST_TAG, Ami, ImageQuery
from cws_build.model.image_events import CopyQueued
from cws_build.model.image_tags import COPIED_TAG, copied_tags, origin
from cws_build.model.launching import CopyStep
from cws_build.model.placement import Placement, copy_token, placement_key
from cws_build.ports.images import CopyOrder

if TYPE_CHECKING:
    from cws_build.context import Context

_TURN = ("ResourceLimitExceeded", "RequestLimitExceeded", "Throttl", "ConcurrentSnapshotLimit", "Unavailable")
"""Parts of EC2's codes for what is over in a while: copy slots that are full, calls that come too fast."""
_IMAGE = "InvalidAMIID"
_LONGEST_PAUSE = 30.0
_MISMATCH = "IdempotentParameterMismatch"
_TAKEN = "InvalidAMIName.Duplicate"


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """One copy that is wanted."""

    master: Ami
    step: CopyStep
    """What is copied: the master, or a copy of it from which it is cheaper."""
    region: str
    kms_key: str = ""
    verb: str
    name: str = ""
    """Empty for the master's."""
    ready: bool = False
    """It bears its digest from the beginning, as nobody waits for it: no tier offers an image that is pending."""

    @property
    def key(self) -> str:
        """The key of its line in the ledger."""
        return placement_key(self.master.id, self.region)


class Begun(NamedTuple):
    """A copy that is under way, or there."""

    line: Placement
    fresh: bool
    """This call has begun it."""


def begin_copy(ctx: Context, errand: Errand) -> Begun:
    """Begin a copy unless the region has the image, or gets it already.

    Raises:
        CloudError: The copy was refused; the ledger has why.
        Interrupted: ``ctx.cancel`` was set.
    """
    with ctx.runs.lock(f"copy-{account_name(ctx)}-{errand.key.replace('/', '-')}", lambda: None, ctx.cancel):
        seen = whereabouts(ctx, errand.master, errand.region)
        if seen.ami and seen.usable:
            return Begun(_noted(ctx, errand, seen.line, seen.ami, copy=seen.copy), fresh=False)
        if seen.ami and seen.state == "failed":
            _drop(ctx, errand.region, seen.ami.id)
        ledger = records(ctx, Placement)
        line = ledger.change(errand.key, lambda old: _next(errand, old))
        assert line is not None  # noqa: S101  _next always returns one
        try:
            return _called(ctx, errand, line)
        except CloudError as error:
            code = str(error.details.get("aws_code", ""))
            ledger.put(errand.key, msgspec.structs.replace(line, status="failed", error=error.message, aws_code=code))
            raise


def throttled(error: CloudError) -> bool:
    """Tell whether the same call can be made again in a while."""
    code = str(error.details.get("aws_code", ""))
    return any(word in code for word in _TURN) and not code.startswith(_IMAGE)


def passing(error: CloudError) -> bool:
    """Tell whether a question may have a better answer in a while: throttled, or not answered at all."""
    code = str(error.details.get("aws_code", ""))
    return throttled(error) or not code or code.startswith("Internal")


def _next(errand: Errand, old: Placement | None) -> Placement:
    """Return the line of the next attempt: the old one where it may have come to a call, and still fits."""
    given = (errand.step.source.id, errand.step.source_region)
    own = given != (errand.master.id, errand.master.region)
    attempt = old.attempt if old else 1
    name = errand.name or errand.master.name
    if old and (old.ami_id or (old.given, old.kms_key, old.name) != (given, errand.kms_key, name)):
        attempt += 1
    return Placement(
        source=errand.master.id,
        source_region=errand.master.region,
        region=errand.region,
        name=name,
        token=copy_token(errand.key, errand.kms_key, attempt),
        kms_key=errand.kms_key,
        attempt=attempt,
        verb=errand.verb,
        gb=errand.step.gb,
        from_image=given[0] if own else "",
        from_region=given[1] if own else "",
    )


def _called(ctx: Context, errand: Errand, line: Placement) -> Begun:
    try:
        ident = _in_turn(ctx, errand, line)
    except CloudError as error:
        code = error.details.get("aws_code")
        if code == _TAKEN:
            return _named_alike(ctx, errand, line, error)
        if code != _MISMATCH:
            raise
        # The token served for a copy that was asked for in other words, such as other tags.
        spent = msgspec.structs.replace(line, ami_id="spent")
        line = _next(errand, spent)
        records(ctx, Placement).put(errand.key, line)
        ident = _in_turn(ctx, errand, line)
    now = ctx.clock().isoformat(timespec="seconds")
    line = msgspec.structs.replace(line, status="pending", ami_id=ident, started=now)
    records(ctx, Placement).put(errand.key, line)
    return Begun(line, fresh=True)


def _in_turn(ctx: Context, errand: Errand, line: Placement) -> str:
    """Call CopyImage; where the region takes no more at the moment, wait for a turn, as long as a copy may take."""
    tags = copied_tags(errand.master)
    image, region = line.given
    order = CopyOrder(
        source=image,
        source_region=region,
        name=line.name,
        description=errand.master.description,
        tags=tags if errand.ready else {key: value for key, value in tags.items() if key != DIGEST_TAG},
        token=line.token,
        kms_key=line.kms_key,
    )
    wait, told = Wait(ctx, minutes=errand.step.seconds.timeout / 60, longest=_LONGEST_PAUSE), False
    while True:
        try:
            return ctx.account().images(errand.region).copy(order)
        except CloudError as error:
            if not throttled(error):
                raise
            if not told:
                ctx.emit(CopyQueued(region=errand.region, reason=error.message))
                told = True
            if not wait.pause():
                raise


def _named_alike(ctx: Context, errand: Errand, line: Placement, error: CloudError) -> Begun:
    """Take an image that has the name already for the copy if it is one, or has the same content."""
    query = ImageQuery(owners=("self",), names=(line.name,), states=())
    found = [ami for ami in ctx.account().cloud(errand.region).images(query) if ami.name == line.name]
    for ami in found:
        copy = ami.tags.get(COPIED_TAG) == origin(errand.master)
        if ami.state in {"available", "pending"} and (copy or same_content(ami, errand.master)):
            return Begun(_noted(ctx, errand, line, ami, copy=copy), fresh=False)
    who = f"{found[0].id} ({found[0].state})" if found else "an image"
    raise CloudError(
        f"{who} in {errand.region} has the name {line.name} already, and is no copy of {errand.master.id}",
        hint="deregister it, or give it up: names of images are unique in a region",
        details={"aws_code": _TAKEN},
    ) from error


def _noted(ctx: Context, errand: Errand, line: Placement | None, ami: Ami, *, copy: bool) -> Placement:
    """Return the line of an image that is there or under way; write it where the ledger does not know it."""
    if line and line.ami_id == ami.id and line.status in {"pending", "available"}:
        return line
    noted = msgspec.structs.replace(
        line or _next(errand, None),
        status="pending" if copy else "available",
        ami_id=ami.id,
        name=ami.name,
        settled=not copy,
        error="",
        aws_code="",
    )
    records(ctx, Placement).put(errand.key, noted)
    return noted


def _drop(ctx: Context, region: str, image: str) -> None:
    """Remove a copy that has failed: it is of no use, and holds its name."""
    try:
        ctx.account().images(region).deregister(image)
    except CloudError as error:
        if "NotFound" not in str(error.details.get("aws_code", "")):
            ctx.emit(Notice(message=f"{image} in {region} has failed and is still there: {error.message}"))
