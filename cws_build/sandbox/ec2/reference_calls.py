"""The calls that tell who uses an image in the own account, and where an image comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.core.utils import utcfromtimestamp
from moto.ec2.exceptions import EC2ClientError, MalformedAMIIdError

from cws_build.sandbox.ec2.allowed_calls import AllowedCalls
from cws_build.sandbox.ec2.finding import ID
from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.ec2.references import (
    DEPTH,
    INSTANCE,
    PARAMETER,
    RECIPES,
    STATES,
    TEMPLATE,
    Looks,
    find,
)
from cws_build.sandbox.imaging import neighbour

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.images import Image

KINDS = (INSTANCE, TEMPLATE, PARAMETER, *RECIPES)
MOST_VERSIONS = 10_000


def looks(asked: list[dict[str, Any]], kinds: tuple[str, ...] = KINDS) -> dict[str, Looks]:
    """Read a request's ResourceTypes: which kinds of resources, and how far to look at each.

    Raises:
        EC2ClientError: InvalidParameterValue.
    """
    found = {}
    for entry in asked:
        if entry.get("ResourceType") not in kinds:
            raise EC2ClientError("InvalidParameterValue", f"Invalid resource type: {entry.get('ResourceType')}")
        options = {o["OptionName"]: o.get("OptionValues", []) for o in entry.get("ResourceTypeOptions", [])}
        depth = options.pop("version-depth", [str(DEPTH)])
        states = frozenset(options.pop("state-name", STATES))
        numbers = all(str(number).isdigit() and 1 <= int(number) <= MOST_VERSIONS for number in depth)
        if options or not numbers or not states <= STATES:
            raise EC2ClientError("InvalidParameterValue", f"Invalid option of {entry['ResourceType']}")
        found[entry["ResourceType"]] = Looks(states, int(depth[0]))
    return found


class ReferenceCalls(AllowedCalls):
    """DescribeImageReferences, GetImageAncestry."""

    def describe_image_references(self) -> ActionResult:
        """List what refers to images: instances, launch templates, parameters."""
        everything, asked = self._get_param("IncludeAllResourceTypes", if_none=False), self._get_param("ResourceTypes")
        if not everything and not asked:
            raise EC2ClientError(
                "MissingParameter", "Either IncludeAllResourceTypes or ResourceTypes must be specified"
            )
        images = self._get_param("ImageIds", [])
        malformed = [image for image in images if not ID.fullmatch(image)]
        if malformed:
            raise MalformedAMIIdError(malformed)
        self.error_on_dryrun()
        kinds = ({kind: Looks() for kind in KINDS} if everything else {}) | looks(asked or [])
        found = [
            {"ImageId": image, "ResourceType": kind, "Arn": arn}
            for image in images
            for kind, far in kinds.items()
            for arn in find(self.here, kind, image, far)
        ]
        items, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({"ImageReferences": items, "NextToken": token})

    def get_image_ancestry(self) -> ActionResult:
        """List an image and the images that it comes from, as far as they are there."""
        image: Image | None = self.here.image(self._get_param("ImageId"))
        self.error_on_dryrun()
        entries: dict[str, dict[str, Any]] = {}
        while image is not None and image.id not in entries:
            record = image.record
            entries[image.id] = {
                "CreationDate": utcfromtimestamp(int(record.created)),
                "ImageId": image.id,
                "ImageOwnerAlias": record.owner_alias or None,
                "SourceImageId": record.source_image or None,
                "SourceImageRegion": record.source_region or None,
            }
            there = neighbour(self.here, record.source_region) if record.source_image else None
            image = there.find_image(record.source_image) if there else None
        return ActionResult({"ImageAncestryEntries": list(entries.values())})
