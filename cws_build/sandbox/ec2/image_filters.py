"""DescribeImages: owners, visibility, and the filters, as facts about an image."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.images import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cws_build.sandbox.ec2.finding import Finding
    from cws_build.sandbox.ec2.images import Image

ALIASES = {"amazon", "aws-marketplace", "aws-backup-vault"}


def _yes(value: object) -> list[str]:
    return [str(bool(value)).lower()]


FACTS: dict[str, Callable[[Image], Iterable[str]]] = {
    "architecture": lambda i: [i.record.architecture],
    "block-device-mapping.delete-on-termination": lambda i: [
        str(d.delete_on_termination).lower() for d in i.record.disks
    ],
    "block-device-mapping.device-name": lambda i: [d.device for d in i.record.disks],
    "block-device-mapping.encrypted": lambda i: [str(d.encrypted).lower() for d in i.record.disks],
    "block-device-mapping.snapshot-id": lambda i: [d.snapshot for d in i.record.disks],
    "block-device-mapping.volume-size": lambda i: [str(d.size) for d in i.record.disks],
    "block-device-mapping.volume-type": lambda i: [d.kind for d in i.record.disks],
    "boot-mode": lambda i: [i.record.boot_mode],
    "creation-date": lambda i: [iso(i.record.created)],
    "description": lambda i: [i.record.description],
    "ena-support": lambda i: _yes(i.record.ena_support),
    "free-tier-eligible": lambda _: ["false"],
    "hypervisor": lambda _: ["xen"],
    "image-id": lambda i: [i.id],
    "image-type": lambda _: ["machine"],
    "is-public": lambda i: _yes(i.is_public),
    "kernel-id": lambda _: [],
    "manifest-location": lambda i: [f"{i.record.owner_alias or i.record.owner}/{i.record.name}"],
    "name": lambda i: [i.record.name],
    "owner-alias": lambda i: [i.record.owner_alias],
    "owner-id": lambda i: [i.record.owner],
    "platform": lambda _: [],
    "product-code": lambda i: i.record.product_codes,
    "product-code.type": lambda i: ["marketplace"] if i.record.product_codes else [],
    "public-ssm-parameter-name": lambda i: [i.record.ssm_name],
    "ramdisk-id": lambda _: [],
    "root-device-name": lambda i: [i.record.root_device],
    "root-device-type": lambda _: ["ebs"],
    "source-image-id": lambda i: [i.record.source_image],
    "source-image-region": lambda i: [i.record.source_region],
    "source-instance-id": lambda i: [i.record.source_instance],
    "sriov-net-support": lambda _: ["simple"],
    "state": lambda i: [i.record.state],
    "state-reason-code": lambda i: ["Client.InternalError"] if i.record.state == "failed" else [],
    "state-reason-message": lambda i: [i.record.reason] if i.record.state == "failed" else [],
    "virtualization-type": lambda _: ["hvm"],
}
"""What each filter of DescribeImages compares with; any of an image's values may match any of the filter's.

``image-allowed`` is not among them: it compares with the settings of the account that asks.
"""
EMPTY = (
    *(f"image-watermark.{word}" for word in ("watermark-key", "watermark-creation-time")),
    *(f"image-watermark.source-image-{word}" for word in ("id", "region", "creation-time")),
    *(f"instance-type-specification.{word}-instance-type" for word in ("supported", "unsupported")),
    *(f"scan-result.{severity}-fix-available-since" for severity in ("critical", "high", "medium", "low")),
    *(f"scan-result.{word}" for word in ("informational-fix-available-since", "finding-scan-date")),
    "scan-result.highest-finding-severity-label",
)
"""Filters on what no image of the sandbox has: watermarks, lists of instance types, findings of Inspector."""


def matches(image: Image, filters: dict[str, list[str]], viewer: Finding) -> bool:
    """Tell whether an image passes all filters of an account; ``*`` and ``?`` are wildcards.

    Raises:
        EC2ClientError: InvalidParameterValue for a filter that EC2 does not know.
    """
    return all(_passes(image, name, values, viewer) for name, values in filters.items())


def _passes(image: Image, name: str, values: list[str], viewer: Finding) -> bool:
    if name.startswith("tag:"):
        tags = image.tag_pairs(viewer)
        facts: Iterable[str] = [tags[name[4:]]] if name[4:] in tags else []
    elif name == "tag-key":
        facts = image.tag_pairs(viewer)
    elif name in FACTS:
        facts = FACTS[name](image)
    elif name in EMPTY:
        facts = []
    else:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return any(fnmatch.fnmatchcase(fact, pattern(value)) for fact in facts for value in values)


def pattern(value: str) -> str:
    """Turn a wildcard of EC2 into one of fnmatch: EC2 knows ``*`` and ``?`` only; a bracket means itself."""
    return value.replace("[", "[[]")


def owned(image: Image, owners: list[str], account: str) -> bool:
    """Tell whether an image belongs to one of the owners: account ids, ``self``, or Amazon's aliases."""
    for owner in owners:
        if owner == "self" and image.record.owner == account:
            return True
        if owner in ALIASES and image.record.owner_alias == owner:
            return True
        if owner == image.record.owner:
            return True
    return False


def executable(image: Image, users: list[str], account: str) -> bool:
    """Tell whether one of the users was given launch permission: account ids, ``self``, ``all``."""
    wanted = {account if user == "self" else user for user in users}
    if "all" in wanted and image.is_public:
        return True
    return any(permission.get("UserId") in wanted for permission in image.record.permissions)
