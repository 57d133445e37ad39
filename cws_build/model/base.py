"""The distribution images that a template may start from, and how EC2 finds the newest of each.

Owners, names and public SSM parameters are the publishers' own: Canonical (099720109477), Debian
(136693071363), Rocky Enterprise Software Foundation (792107900819), Red Hat (309956199498), Alpine
(538276064493) and Amazon. A base without an SSM parameter is found by owner and name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from cws_build.errors import InputError
from cws_build.model.problem import did_you_mean

Family = Literal["debian", "redhat", "alpine", "ami"]
_NONE: Mapping[str, str] = MappingProxyType({})


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution image. The mappings go from architecture (``x86_64``, ``arm64``) to text."""

    name: str
    family: Family
    release: str = ""
    owner: str = ""
    """The AWS account that publishes it, or an owner alias."""
    name_pattern: Mapping[str, str] = _NONE
    """The AMI's name, with ``*``; the newest that matches is meant."""
    ssm_parameter: Mapping[str, str] = _NONE
    """Public SSM parameter that holds the id of the newest."""
    ssh_user: str = ""
    root_device: str = ""


def _both(pattern: str, x86_64: str, arm64: str) -> Mapping[str, str]:
    return {"x86_64": pattern.replace("ARCH", x86_64), "arm64": pattern.replace("ARCH", arm64)}


def _ubuntu(release: str, code: str, volume: str) -> Base:
    folder = "hvm-ssd-gp3" if volume == "gp3" else "hvm-ssd"
    parameter = f"/aws/service/canonical/ubuntu/server/{release}/stable/current/ARCH/hvm/ebs-{volume}/ami-id"
    return Base(
        name=f"ubuntu-{release}",
        family="debian",
        release=release,
        owner="099720109477",
        name_pattern=_both(f"ubuntu/images/{folder}/ubuntu-{code}-{release}-ARCH-server-*", "amd64", "arm64"),
        ssm_parameter=_both(parameter, "amd64", "arm64"),
        ssh_user="ubuntu",
        root_device="/dev/sda1",
    )


def _debian(release: str) -> Base:
    return Base(
        name=f"debian-{release}",
        family="debian",
        release=release,
        owner="136693071363",
        name_pattern=_both(f"debian-{release}-ARCH-*", "amd64", "arm64"),
        ssm_parameter=_both(f"/aws/service/debian/release/{release}/latest/ARCH", "amd64", "arm64"),
        ssh_user="admin",
        root_device="/dev/xvda",
    )


def _rocky(release: str) -> Base:
    return Base(
        name=f"rocky-{release}",
        family="redhat",
        release=release,
        owner="792107900819",
        name_pattern=_both(f"Rocky-{release}-EC2-Base-{release}.*.ARCH", "x86_64", "aarch64"),
        ssh_user="rocky",
        root_device="/dev/sda1",
    )


def _rhel(release: str) -> Base:
    return Base(
        name=f"rhel-{release}",
        family="redhat",
        release=release,
        owner="309956199498",
        name_pattern=_both(f"RHEL-{release}.*_HVM-*-ARCH-*-Hourly2-GP3", "x86_64", "arm64"),
        ssh_user="ec2-user",
        root_device="/dev/sda1",
    )


_AL2023 = Base(
    name="amazonlinux-2023",
    family="redhat",
    release="2023",
    owner="amazon",
    name_pattern=_both("al2023-ami-2023.*-ARCH", "x86_64", "arm64"),
    ssm_parameter=_both("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-ARCH", "x86_64", "arm64"),
    ssh_user="ec2-user",
    root_device="/dev/xvda",
)

_ALPINE = Base(
    name="alpine-3",
    family="alpine",
    release="3",
    owner="538276064493",
    name_pattern=_both("alpine-3.*-ARCH-uefi-cloudinit-*", "x86_64", "aarch64"),
    ssh_user="alpine",
    root_device="/dev/xvda",
)

AMI_BASED = Base(name="ami-based", family="ami")
"""No distribution image: the template's own ``ami_config`` says where it starts."""

BASES: Mapping[str, Base] = MappingProxyType(
    {
        base.name: base
        for base in (
            _ubuntu("20.04", "focal", "gp2"),
            _ubuntu("22.04", "jammy", "gp2"),
            _ubuntu("24.04", "noble", "gp3"),
            _debian("11"),
            _debian("12"),
            _debian("13"),
            _rocky("8"),
            _rocky("9"),
            _AL2023,
            _rhel("8"),
            _rhel("9"),
            _ALPINE,
            AMI_BASED,
        )
    }
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "ubuntu": "ubuntu-24.04",
        "debian": "debian-12",
        "rocky": "rocky-9",
        "rockylinux": "rocky-9",
        "rockylinux-9": "rocky-9",
        "amazonlinux": "amazonlinux-2023",
        "amazon-linux-2023": "amazonlinux-2023",
        "al2023": "amazonlinux-2023",
        "rhel": "rhel-9",
        "alpine": "alpine-3",
    }
)


def known_base(name: str) -> Base | None:
    """Return the base of that name or alias, or None."""
    return BASES.get(ALIASES.get(name, name))


def find_base(name: str) -> Base:
    """Return the base of that name or alias; raises InputError with the nearest known name."""
    base = known_base(name)
    if base is None:
        raise InputError(f"unknown base '{name}'", hint=base_hint(name))
    return base


def base_hint(name: str) -> str:
    """Return what to write instead of an unknown base."""
    return did_you_mean(name, [*BASES, *ALIASES]) or f"known bases: {', '.join(sorted(BASES))}"
