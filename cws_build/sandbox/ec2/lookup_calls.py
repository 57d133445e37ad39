"""The calls that look up regions and instance types."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.ec2.usage_calls import UsageCalls
from cws_build.sandbox.regions import known

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES_PER_PAGE = 100
"""How many instance types DescribeInstanceTypes tells at most in one answer."""
REGION_FACTS: dict[str, Callable[[dict[str, str]], str]] = {
    "endpoint": lambda region: region["Endpoint"],
    "opt-in-status": lambda region: region["OptInStatus"],
    "region-name": lambda region: region["RegionName"],
}
"""What each filter of DescribeRegions compares with."""


class LookupCalls(UsageCalls):
    """DescribeRegions, DescribeInstanceTypes, DescribeInstanceTypeOfferings."""

    def describe_regions(self) -> ActionResult:
        """Tell the regions that the account has enabled; with AllRegions the others too."""
        self.error_on_dryrun()
        named = self._get_param("RegionNames", [])
        unknown = [name for name in named if name not in known()]
        if unknown:
            raise EC2ClientError("InvalidParameterValue", f"Region not found: [{', '.join(unknown)}]")
        found = [self._region(name) for name in named or known()]
        if not self._get_param("AllRegions", if_none=False):
            found = [region for region in found if region["OptInStatus"] != "not-opted-in"]
        filters = self._filters_from_querystring()
        return ActionResult({"Regions": [region for region in found if _passes(region, filters)]})

    def _region(self, name: str) -> dict[str, str]:
        status = self.here.world.regions.opt_in_status(name)
        return {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": status}

    def describe_instance_types(self) -> ActionResult:
        """Tell what instance types are like, in pages."""
        named = self._get_param("InstanceTypes", [])
        found = self.here.describe_instance_types(named, self._filters_from_querystring())
        limit = self._get_param("MaxResults") or (None if named else TYPES_PER_PAGE)
        items, token = page(found, limit, self._get_param("NextToken"))
        return ActionResult({"InstanceTypes": items, "NextToken": token})

    def describe_instance_type_offerings(self) -> ActionResult:
        """Tell which instance types a region, or each of its zones, offers; in pages."""
        filters: dict[str, Any] = self._filters_from_querystring()
        kinds = filters.pop("instance-type", ["*"])
        found = self.here.describe_instance_type_offerings(self._get_param("LocationType"), filters)
        chosen = [o for o in found if any(fnmatchcase(o["InstanceType"], kind) for kind in kinds)]
        items, token = page(chosen, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({"InstanceTypeOfferings": items, "NextToken": token})


def _passes(region: dict[str, str], filters: dict[str, Any]) -> bool:
    unknown = [name for name in filters if name not in REGION_FACTS]
    if unknown:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    return all(
        any(fnmatchcase(REGION_FACTS[name](region), value) for value in values) for name, values in filters.items()
    )
