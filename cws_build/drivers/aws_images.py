"""One region's images: everything that may be asked of them, from the calls by noun."""

from __future__ import annotations

from cws_build.drivers.aws_details import Details
from cws_build.drivers.aws_making import Making
from cws_build.drivers.aws_owning import Owning
from cws_build.drivers.aws_references import References
from cws_build.drivers.aws_region_rules import RegionRules
from cws_build.drivers.aws_retiring import Retiring
from cws_build.drivers.aws_sharing import Sharing
from cws_build.drivers.aws_usage import Usage


class AwsImages(Making, Details, RegionRules, Sharing, Retiring, References, Usage, Owning):
    """One region of an account; implements `cws_build.ports.images.Images`."""
