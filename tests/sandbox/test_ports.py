"""Which ports of a machine are published, and which addresses a sandbox claims."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("moto")

from cws_build.sandbox.address import BLOCKS, PORT, claim
from cws_build.sandbox.ec2.machine import USUAL, Machine

ANYWHERE = {"CidrIp": "0.0.0.0/0"}


def rule(low, high, kind="tcp", source=ANYWHERE):
    return SimpleNamespace(ip_protocol=kind, from_port=low, to_port=high, ip_range=source)


def ports(*rules):
    groups = [SimpleNamespace(ingress_rules=list(rules))]
    return Machine(SimpleNamespace(security_groups=groups), "image").ports()


def test_ssh_is_always_published():
    assert ports() == ["22/tcp"]


def test_rules_become_ports_and_ranges():
    assert ports(rule(8888, 8888), rule(5000, 5003), rule(53, 53, "udp")) == [
        "22/tcp",
        "5000-5003/tcp",
        "8888/tcp",
        "53/udp",
    ]


def test_overlapping_rules_are_joined():
    assert ports(rule(20, 30), rule(25, 40), rule(22, 22)) == ["20-40/tcp"]


def test_a_wide_rule_publishes_the_usual_services():
    wide = {int(port.split("/")[0]) for port in ports(rule(None, None, "-1"))}
    assert wide == {22, *USUAL}
    assert ports(rule(8000, 9000)) == ["22/tcp", *(f"{p}/tcp" for p in USUAL if 8000 <= p <= 9000)]


def test_rules_for_other_groups_and_for_ping_publish_nothing():
    assert ports(rule(80, 80, source={}), rule(-1, -1, "icmp")) == ["22/tcp"]


def test_claims_do_not_meet_and_avoid_taken_blocks():
    first, one = claim("a", set())
    second, two = claim("a", set())
    try:
        assert first != second
        assert one.getsockname()[0] != two.getsockname()[0]
        assert one.getsockname()[1] == two.getsockname()[1] == PORT
    finally:
        one.close()
        two.close()
    third, three = claim("a", {str(block) for block in BLOCKS if block not in (first, second)})
    three.close()
    assert third in (first, second), "one of the two at least is free, though another sandbox may begin meanwhile"
