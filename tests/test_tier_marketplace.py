"""The tier ``marketplace``: every source is asked, terms are nobody's to accept."""

from __future__ import annotations

import pytest

from cws_build.model.resolution import Finding, Rejected
from cws_build.testing.account import FakeAccount
from cws_build.testing.make import question
from tests.tiers import ids, source, tier, whys

marketplace, aws = tier("marketplace"), source("aws")
CODE, PRODUCT = "aw0evgkw8e5c1q413zgy5pjce", "prod-abcdefghijklm"
LINK = "https://aws.amazon.com/marketplace/pp?sku="
SELLER = {"owner": "679593333241", "alias": "aws-marketplace", "product_codes": (CODE,)}


@pytest.fixture
def account():
    return FakeAccount()


@pytest.fixture
def here(account):
    return account.lookup("us-east-1")


def asked(account, product=CODE, constraint="", **fields):
    wanted = {"product_code": product, "version_constraint": constraint}
    return question(account=account, ami_config={"marketplace_search": wanted}, **fields)


def test_all_sources_are_asked(account, here):
    ami = here.add(name="Studio 1.0", **SELLER)
    empty = Finding(rejected=(Rejected(ami_id="ami-1", why="not_subscribed", reason="no"),), reason="the other market")
    found = marketplace(asked(account, sources=(aws, lambda _question: empty)))
    assert ids(found) == [ami.id]
    assert whys(found) == {"ami-1": "not_subscribed"}
    assert "the other market" in found.reason


def test_a_template_without_a_product_asks_nothing(account, here):
    assert "no marketplace product" in aws(question(account=account)).reason
    assert here.asked == []


def test_the_alias_comes_first(account, here):
    alias = here.add(name="Studio 2.0.0", **SELLER)
    here.add(name="Studio 9.0.0", **SELLER)
    here.parameters[f"/aws/service/marketplace/{CODE}/latest"] = alias.id
    assert ids(aws(asked(account))) == [alias.id]
    assert [query.ids for query in here.asked] == [(alias.id,)]


@pytest.mark.parametrize("constraint", ["2.1.0", "=2.1.0", "==2.1.0"])
def test_an_exact_version_has_an_alias_of_its_own(account, here, constraint):
    ami = here.add(name="Studio 2.1.0", **SELLER)
    here.parameters[f"/aws/service/marketplace/{PRODUCT}/2.1.0"] = ami.id
    assert ids(aws(asked(account, PRODUCT, constraint))) == [ami.id]


@pytest.mark.parametrize(
    ("constraint", "wanted"), [("", "1.10.0"), ("<1.10.0", "1.9.0"), (">=1.9.0", "1.10.0"), ("1.9.0", "1.9.0")]
)
def test_without_an_alias_owner_code_and_version_find_it(account, here, constraint, wanted):
    made = {version: here.add(name=f"Studio-{version}-x86", **SELLER) for version in ("1.9.0", "1.10.0")}
    here.add(name="Studio-99.0.0", product_codes=(CODE,))
    found = aws(asked(account, constraint=constraint))
    assert ids(found)[0] == made[wanted].id
    assert {one.why for one in found.rejected} <= {"wrong_version"}


def test_a_latest_that_does_not_meet_the_constraint_is_told_of_and_the_others_looked_at(account, here):
    latest, old = here.add(name="Studio 3.0.0", **SELLER), here.add(name="Studio 2.0.0", **SELLER)
    here.parameters[f"/aws/service/marketplace/{CODE}/latest"] = latest.id
    found = aws(asked(account, constraint="<3.0.0"))
    assert ids(found) == [old.id]
    assert whys(found) == {latest.id: "wrong_version"}


def test_a_product_that_is_not_subscribed_gives_the_link_and_is_not_offered(account, here):
    ami = here.add(name="Studio 1.0", **SELLER)
    here.parameters[f"/aws/service/marketplace/{PRODUCT}/latest"] = ami.id
    here.subscriptions[PRODUCT] = False
    found = aws(asked(account, PRODUCT))
    assert found.candidates == ()
    assert whys(found) == {ami.id: "not_subscribed"}
    assert LINK + PRODUCT in found.rejected[0].reason
    assert LINK + PRODUCT in found.reason


@pytest.mark.parametrize(("known", "said"), [(None, "only its launch tells"), (True, "has subscribed")])
def test_what_is_known_of_the_subscription_is_said(account, here, known, said):
    ami = here.add(name="Studio 1.0", **SELLER)
    if known is not None:
        here.subscriptions[CODE] = known
    found = aws(asked(account))
    assert ids(found) == [ami.id]
    assert said in found.reason


def test_the_wrong_architecture_is_told(account, here):
    ami = here.add(name="Studio 1.0", **SELLER | {"architecture": "arm64"})
    found = aws(asked(account))
    assert whys(found) == {ami.id: "wrong_architecture"}
    assert "none of the 1 images" in found.reason


def test_an_alias_that_leads_nowhere_is_no_image(account, here):
    here.parameters[f"/aws/service/marketplace/{PRODUCT}/latest"] = "ami-0123456789abcdef0"
    assert "has no image" in aws(asked(account, PRODUCT)).reason
