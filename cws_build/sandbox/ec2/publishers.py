"""The base images and their public parameters, under the names that their real publishers use.

Debian is the real thing in small. The Ubuntu images are stand-ins, and their descriptions say so: Debian 12 with
Ubuntu's login user, under Canonical's owner id and naming scheme. Creation dates are fixed, so that "the newest"
means the same on every machine.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from cws_build.sandbox.ec2.disks import Disk
from cws_build.sandbox.ec2.images import ImageRecord

DEBIAN = "136693071363"
CANONICAL = "099720109477"
ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
"""Debian's word for an architecture, and EC2's."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One base image: ``name`` and ``parameters`` hold ``{arch}``; ``login`` is its user, ``serial`` its date."""

    name: str
    owner: str
    description: str
    serial: str
    login: str
    root_device: str
    parameters: tuple[str, ...]
    alias: str = ""


def _ubuntu(codename: str, version: str, folder: str, serial: str) -> Release:
    path = "/aws/service/canonical/ubuntu/server/{}/stable/current/{{arch}}/hvm/{}/ami-id"
    return Release(
        name=f"ubuntu/images/{folder}/ubuntu-{codename}-{version}-{{arch}}-server-{serial}",
        owner=CANONICAL,
        alias="amazon",
        description="sandbox stand-in: Debian 12 under Ubuntu's name",
        serial=serial,
        login="ubuntu",
        root_device="/dev/sda1",
        parameters=tuple(path.format(word, disk) for word in (version, codename) for disk in ("ebs-gp3", "ebs-gp2")),
    )


RELEASES = (
    Release(
        name="debian-12-{arch}-20260907-2223",
        owner=DEBIAN,
        description="Debian 12 (sandbox: the real distribution, made by debootstrap)",
        serial="20260907",
        login="admin",
        root_device="/dev/xvda",
        parameters=("/aws/service/debian/release/12/latest/{arch}",),
    ),
    _ubuntu("focal", "20.04", "hvm-ssd", "20250603"),
    _ubuntu("jammy", "22.04", "hvm-ssd", "20260912"),
    _ubuntu("noble", "24.04", "hvm-ssd-gp3", "20260915"),
)
"""Every base image, once per architecture and region."""

LOGINS = tuple(dict.fromkeys(release.login for release in RELEASES))
"""The login users that a base machine is made for."""


def made_id(prefix: str, *words: str) -> str:
    """Make an id that is the same in every sandbox, from what it stands for."""
    return f"{prefix}-{hashlib.sha256('/'.join(words).encode()).hexdigest()[:17]}"


def _created(serial: str) -> float:
    return datetime.strptime(serial, "%Y%m%d").replace(tzinfo=UTC, hour=9).timestamp()


def base_image(release: Release, arch: str, region: str) -> ImageRecord:
    """Return the AMI of a release in a region; ``arch`` is Debian's word."""
    name = release.name.format(arch=arch)
    snapshot = made_id("snap", region, name)
    return ImageRecord(
        id=made_id("ami", region, name),
        name=name,
        owner=release.owner,
        owner_alias=release.alias,
        description=release.description,
        architecture=ARCHITECTURES[arch],
        root_device=release.root_device,
        disks=[Disk(device=release.root_device, size=8, snapshot=snapshot)],
        created=_created(release.serial),
        permissions=[{"Group": "all"}],
        ssm_name=release.parameters[0].format(arch=arch),
    )


def base_images(region: str) -> list[tuple[Release, ImageRecord]]:
    """Return every base AMI of a region with its release."""
    return [(release, base_image(release, arch, region)) for release in RELEASES for arch in ARCHITECTURES]


def public_parameters(region: str) -> dict[str, str]:
    """Return the public SSM parameters of a region: name to AMI id."""
    return {
        name.format(arch=arch): base_image(release, arch, region).id
        for release in RELEASES
        for arch in ARCHITECTURES
        for name in release.parameters
    }
