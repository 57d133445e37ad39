"""DescribeInstanceImageMetadata: instances with what their images are like."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.image_filters import pattern
from cws_build.sandbox.ec2.images import iso
from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.ec2.reference_calls import ReferenceCalls
from cws_build.sandbox.ec2.references import instances

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.ec2.models.instances import Instance


class MetadataCalls(ReferenceCalls):
    """DescribeInstanceImageMetadata."""

    def describe_instance_image_metadata(self) -> ActionResult:
        """List instances with what their images are like."""
        wanted = self._get_param("InstanceIds", [])
        if wanted:
            self.here.get_multi_instances_by_id(wanted)
        self.error_on_dryrun()
        filters: dict[str, Any] = self._filters_from_querystring()
        found = [
            self._metadata(instance)
            for instance in instances(self.here)
            if (not wanted or instance.id in wanted) and self._passes_metadata(instance, filters)
        ]
        items, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({"InstanceImageMetadata": items, "NextToken": token})

    def _metadata(self, instance: Instance) -> dict[str, Any]:
        return {
            "InstanceId": instance.id,
            "InstanceType": instance.instance_type,
            "LaunchTime": instance.launch_time,
            "AvailabilityZone": instance.placement.zone,
            "State": {"Code": instance.state_code, "Name": instance.state},
            "OwnerId": self.current_account,
            "Tags": [{"Key": key, "Value": value} for key, value in self._tags(instance).items()],
            "ImageMetadata": self._image_metadata(str(instance.image_id)),
        }

    def _tags(self, instance: Instance) -> dict[str, str]:
        return dict(self.here.tags.get(instance.id, {}))

    def _image_metadata(self, image_id: str) -> dict[str, Any]:
        image = self.here.find_image(image_id)
        if image is None:
            return {"ImageId": image_id, "State": "deregistered"}
        record = image.record
        return {
            "ImageId": image_id,
            "Name": record.name,
            "OwnerId": record.owner,
            "State": record.state,
            "ImageOwnerAlias": record.owner_alias or None,
            "CreationDate": iso(record.created),
            "DeprecationTime": iso(record.deprecation) if record.deprecation else None,
            "ImageAllowed": self.here.meets(image),
            "IsPublic": image.is_public,
        }

    def _passes_metadata(self, instance: Instance, filters: dict[str, Any]) -> bool:
        image, tags = self.here.find_image(str(instance.image_id)), self._tags(instance)
        facts: dict[str, Callable[[], list[Any]]] = {
            "availability-zone": lambda: [instance.placement.zone],
            "image-allowed": lambda: [str(image is not None and self.here.meets(image)).lower()],
            "instance-id": lambda: [instance.id],
            "instance-state-name": lambda: [instance.state],
            "instance-type": lambda: [instance.instance_type],
            "launch-time": lambda: [instance.launch_time],
            "owner-alias": lambda: [image.record.owner_alias] if image else [],
            "owner-id": lambda: [image.owner_id] if image else [],
            "tag-key": lambda: list(tags),
        }
        for key, value in tags.items():
            facts[f"tag:{key}"] = partial(list, [value])
        unknown = [name for name in filters if name not in facts and not name.startswith("tag:")]
        if unknown:
            raise EC2ClientError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
        return all(
            any(fnmatchcase(str(fact), pattern(value)) for fact in facts.get(name, list)() for value in values)
            for name, values in filters.items()
        )
