"""The capability table."""

from __future__ import annotations

from cws_build.model.packer_versions import capabilities
from cws_build.ports import PackerVersion


def test_debians_packer_has_none_of_it():
    assert not any(getattr(capabilities(PackerVersion(1, 6, 6)), name) for name in capabilities(OLD).__struct_fields__)


OLD = PackerVersion(1, 6, 0)


def test_a_current_packer_has_all_of_it():
    now = capabilities(PackerVersion(1, 16, 0), PackerVersion(1, 8, 2))
    assert all(getattr(now, name) for name in now.__struct_fields__)


def test_between_them_plugins_are_bundled_and_only_what_is_certain_is_assumed():
    middle = capabilities(PackerVersion(1, 8, 0))
    assert middle.required_plugins
    assert not middle.needs_plugins
    assert middle.metadata_options
    assert not middle.imds_support


def test_a_known_plugin_says_more():
    assert capabilities(PackerVersion(1, 9, 5), PackerVersion(1, 2, 2)).imds_support
    assert not capabilities(PackerVersion(1, 10, 0), PackerVersion(1, 2, 1)).imds_support


def test_the_stream_is_masked_late():
    assert not capabilities(PackerVersion(1, 15, 0)).scrubs_machine_readable
    assert capabilities(PackerVersion(1, 15, 1)).scrubs_machine_readable
