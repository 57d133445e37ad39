"""What each Packer can do: rendering asks here, so that one skeleton serves 1.6.6 and today's.

The amazon and ansible plugins are part of Packer up to 1.9 and separate from 1.10 on; the options of
``amazon-ebs`` then follow the plugin's version. Sources: the changelogs of hashicorp/packer and
hashicorp/packer-plugin-amazon; 1.6.6 and 1.16.0 were also asked themselves.
"""

from __future__ import annotations

import msgspec

from cws_build.ports import PackerVersion

OLDEST_AMAZON_PLUGIN = PackerVersion(1, 3, 7)
"""What ``packer/plugins.pkr.hcl`` requires at least, so what may be assumed where plugins are separate."""

_VENDORED = PackerVersion(1, 7, 0)
_SEPARATE = PackerVersion(1, 10, 0)
_FIRST_AMAZON_PLUGIN = PackerVersion(0, 0, 1)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What may be rendered for one Packer with its amazon plugin. What it lacks is done through the EC2 API."""

    required_plugins: bool
    """``packer { required_plugins {} }`` and ``packer init`` are known; older versions reject the block."""
    needs_plugins: bool
    """The amazon and ansible plugins are not bundled and must be installed."""
    data_sources: bool
    """``data`` blocks."""
    single_local: bool
    """``local "name" {}`` blocks, which may be sensitive."""
    error_cleanup_provisioner: bool
    scrubs_machine_readable: bool
    """Sensitive variables are masked in ``-machine-readable`` too. Our own scrubber works either way."""
    metadata_options: bool
    """IMDSv2 on the builder."""
    skip_create_ami: bool
    deprecate_at: bool
    ami_org_arns: bool
    """Sharing with organisations and organisational units."""
    placement: bool
    source_public_ip: bool
    """``temporary_security_group_source_public_ip``: the temporary group admits this machine alone."""
    imds_support: bool
    """``imds_support = "v2.0"`` on the AMI."""
    deregistration_protection: bool
    skip_ami_run_tags: bool
    """``run_tags`` also reach the AMI and its snapshots unless this option says no."""
    tagged_helpers: bool
    """The temporary key pair and security group carry ``run_tags``; else only their names tell whose they are."""
    key_pair_type: bool
    """``temporary_key_pair_type`` is heeded. 1.6 accepts it and makes an RSA key all the same."""


_PACKER_SINCE = {
    "required_plugins": _VENDORED,
    "needs_plugins": _SEPARATE,
    "data_sources": _VENDORED,
    "single_local": _VENDORED,
    "error_cleanup_provisioner": _VENDORED,
    "scrubs_machine_readable": PackerVersion(1, 15, 1),
}
_AMAZON_SINCE = {
    "metadata_options": _FIRST_AMAZON_PLUGIN,
    "skip_create_ami": _FIRST_AMAZON_PLUGIN,
    "deprecate_at": PackerVersion(1, 0, 1),
    "ami_org_arns": PackerVersion(1, 0, 5),
    "placement": PackerVersion(1, 0, 7),
    "source_public_ip": PackerVersion(1, 1, 4),
    "imds_support": PackerVersion(1, 2, 2),
    "deregistration_protection": PackerVersion(1, 3, 4),
    "skip_ami_run_tags": PackerVersion(1, 3, 7),
    # No release is named for these two; both are certain where plugins are separate.
    "tagged_helpers": OLDEST_AMAZON_PLUGIN,
    "key_pair_type": OLDEST_AMAZON_PLUGIN,
}


def capabilities(packer: PackerVersion, amazon: PackerVersion | None = None) -> Capabilities:
    """Tell what may be rendered.

    Args:
        packer: The binary's version.
        amazon: The amazon plugin's version, where it is known. Without it, what is certain is assumed: the
            required minimum where plugins are separate, the first plugin where they are bundled, none before.
    """
    plugin = amazon or _assumed(packer)
    since_packer = {name: packer >= first for name, first in _PACKER_SINCE.items()}
    since_amazon = {name: plugin is not None and plugin >= first for name, first in _AMAZON_SINCE.items()}
    return msgspec.convert(since_packer | since_amazon, Capabilities)


def _assumed(packer: PackerVersion) -> PackerVersion | None:
    if packer >= _SEPARATE:
        return OLDEST_AMAZON_PLUGIN
    return _FIRST_AMAZON_PLUGIN if packer >= _VENDORED else None
