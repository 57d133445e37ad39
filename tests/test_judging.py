"""What is said of an image whoever has found it: its version, its owner's rights, and the agreements of an account."""

from __future__ import annotations

import itertools

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from cws_build.drivers.aws import Account
from cws_build.model.judging import remarks, version_of
from cws_build.model.resolution import Candidate, best_first
from cws_build.testing.account import STRANGER, FakeAccount
from cws_build.testing.make import question
from cws_build.testing.question import NOW

PRODUCT = "prod-abcdefghijklm"


@pytest.mark.parametrize(
    ("name", "tags", "version"),
    [
        ("studio-2.1.0", {}, "2.1.0"),
        ("studio_v2.1.0_x86_64", {}, "2.1.0"),
        ("Studio 1.10 on Ubuntu", {}, "1.10"),
        ("ubuntu-22.04-studio-3.0.1-20261101", {}, "3.0.1"),
        ("debian-12-amd64-20260907-2223", {}, ""),
        ("studio", {}, ""),
        ("studio-2.1.0", {"Version": "3.0"}, "3.0"),
        ("studio-2.1.0", {"Version": "3.0", "cws:version": "4.0"}, "4.0"),
        ("studio-2.1.0", {"Version": ""}, "2.1.0"),
    ],
)
def test_the_version_that_an_image_states(name, tags, version):
    assert version_of(FakeAccount().lookup().add(name=name, tags=tags)) == version


def test_what_a_person_should_know():
    account = FakeAccount()
    said = lambda **fields: remarks(account.lookup().add(**fields), question(account=account))  # noqa: E731  a word for one test
    assert said(id="ami-1", owner=STRANGER) == f"ami-1 belongs to {STRANGER}"
    assert said(id="ami-1", alias="amazon") == "ami-1 belongs to amazon"
    assert "2026-11-19" in said(deprecated="2026-11-19T00:00:00.000Z")
    assert "deprecated" not in said(deprecated="2026-11-21T00:00:00.000Z")
    assert "Allowed AMIs" in said(allowed=False)


CANDIDATES = st.builds(
    lambda ident, region, name, day, dead, version, layers: Candidate(
        ami=FakeAccount()
        .lookup(region)
        .add(
            id=ident,
            name=name,
            created=f"2026-11-{day:02}T00:00:00.000Z",
            deprecated=f"2026-11-{dead:02}T00:00:00.000Z" if dead else "",
        ),
        layers=layers,
        version=version,
    ),
    st.text("0123456789abcdef", min_size=8, max_size=8),
    st.sampled_from(["eu-west-1", "us-east-1", "ap-south-1"]),
    st.sampled_from(["a", "b"]),
    st.integers(1, 3),
    st.sampled_from([0, 1, 29]),
    st.sampled_from(["", "1.9", "1.10", "1.10.0", "stable"]),
    st.integers(0, 2),
)


@given(st.data(), st.lists(CANDIDATES, max_size=6, unique_by=lambda one: one.ami.id))
def test_the_order_of_candidates_does_not_depend_on_who_answered_first(data, candidates):
    near = ("us-east-1", "eu-west-1")
    shuffled = data.draw(st.permutations(candidates))
    ordered = best_first(candidates, NOW, near)
    assert ordered == best_first(shuffled, NOW, near)
    for better, worse in itertools.pairwise(ordered):
        assert better.layers >= worse.layers
        if better.layers == worse.layers:
            assert better.ami.is_deprecated(NOW) <= worse.ami.is_deprecated(NOW)


class Raw:
    """The body of an answer, as urllib3 would hand it over."""

    def __init__(self, body):
        self.body = body

    def stream(self, **_):
        yield self.body


def market(status, body):
    """Return an account whose agreement service gives one answer, and what it was asked."""
    account, calls = Account(region="us-east-1", credentials=("key", "secret")), []

    def answer(request, **_):
        calls.append(request)
        return AWSResponse(request.url, status, {}, Raw(body))

    account.session.register("before-send.marketplace-agreement", answer)
    return account, calls


NONE, ONE = b'{"agreementViewSummaries": []}', b'{"agreementViewSummaries": [{}]}'
DENIED = b'{"__type": "AccessDeniedException", "message": "no"}'


@pytest.mark.parametrize(
    ("status", "body", "known"), [(200, ONE, True), (200, NONE, False), (400, DENIED, None), (403, b"", None)]
)
def test_the_accounts_agreements_tell_who_has_subscribed(status, body, known):
    account, calls = market(status, body)
    assert account.reader().subscribed(PRODUCT) is known
    (call,) = calls
    assert all(word in call.body for word in (PRODUCT.encode(), b"Acceptor", b"ACTIVE", b"PurchaseAgreement"))
    assert "us-east-1" in call.url


def test_a_product_code_is_no_product_of_the_agreements():
    account, calls = market(200, ONE)
    assert account.reader().subscribed("aw0evgkw8e5c1q413zgy5pjce") is None
    assert calls == []
