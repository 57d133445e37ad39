"""How a template says which AMIs to use, and how to look for them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Strategy = Literal["ami_preferred", "ami_required", "ami_fallback"]
Fallback = Literal["script_provisioning", "error", "cross_region"]
Architecture = Literal["x86_64", "arm64"]


class AmiSearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search for AMIs by owner and name. The owner is mandatory: anybody may publish any name."""

    owner: Annotated[str, Meta(description="Account id, `self`, `amazon` or `aws-marketplace`.")]
    name_pattern: Annotated[str, Meta(description="AMI name, with `*` and `?`.")]
    version_tag: Annotated[str, Meta(description="Value of the AMI's `Version` tag.")] = ""
    architecture: Annotated[tuple[Architecture, ...], Meta(description="In order of preference.")] = ()
    min_creation_date: Annotated[str, Meta(description="`YYYY-MM-DD`; older AMIs are passed over.")] = ""
    required_tags: Annotated[dict[str, str], Meta(description="Tags that the AMI must have.")] = {}


class MarketplaceSearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search for an AMI of an AWS Marketplace product."""

    product_code: Annotated[str, Meta(description="The product's code.")]
    version_constraint: Annotated[str, Meta(description="Such as `>=2.1.0`.")] = ""
    publisher: Annotated[str, Meta(description="The publisher's name.")] = ""


class AmiConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ready-made AMIs for this template, and what to do where there is none."""

    strategy: Annotated[Strategy | None, Meta(description="When to use an AMI. Absent: `ami_preferred`.")] = None
    ami_mappings: Annotated[dict[str, str], Meta(description="Region to AMI id.")] = {}
    ami_search: Annotated[AmiSearch | None, Meta(description="Look for an AMI by owner and name.")] = None
    marketplace_search: Annotated[MarketplaceSearch | None, Meta(description="Look for an AMI in AWS Marketplace.")] = (
        None
    )
    fallback_strategy: Annotated[
        Fallback | None, Meta(description="What to do when no AMI is found. Absent: `cross_region`.")
    ] = None
    fallback_timeout: Annotated[str, Meta(description="Go duration, such as `10m`.")] = ""
    preferred_architecture: Annotated[Architecture | None, Meta(description="The architecture to try first.")] = None
    instance_family_preference: Annotated[
        tuple[str, ...], Meta(description="Instance families in order of preference, such as `t4g`.")
    ] = ()
    amis: Annotated[dict[str, dict[Architecture, str]], Meta(description="Region to architecture to AMI id.")] = {}
    instance_types: Annotated[dict[Architecture, str], Meta(description="Architecture to EC2 instance type.")] = {}
    user_data_script: Annotated[str, Meta(description="Shell text run on top of a ready-made AMI.")] = ""
    ssh_user: Annotated[str, Meta(description="Login name of the AMI.")] = ""
