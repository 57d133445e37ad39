"""Which instance type: what fits, by price, with the reason for the rest."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.data import price_book
from cws_build.model.sizes import SIZES, Wanted, asks_for_gpu, choose, own_type, savings_arm64
from cws_build.model.template import Template

BOOK = price_book()


def template(**fields):
    return msgspec.convert({"name": "t", "description": "d", "base": "debian-12", **fields}, Template)


def first(**fields):
    return choose(Wanted(**{"region": "us-east-1"} | fields), BOOK).instance_types[0]


def test_sizes_by_price():
    assert first(architecture="x86_64") == "t3a.large"
    assert first() == first(architecture="arm64") == "t4g.large"
    assert [first(size=size) for size in SIZES] == ["t4g.small", "t4g.medium", "t4g.large", "t4g.xlarge", "t4g.2xlarge"]


@given(
    st.sampled_from(BOOK.regions), st.sampled_from(["", "x86_64", "arm64"]), st.sampled_from([*SIZES]), st.booleans()
)
def test_every_choice_fits_and_is_sold_there(region, architecture, size, gpu):
    found = choose(Wanted(region=region, architecture=architecture, size=size, gpu=gpu), BOOK).choices
    need = SIZES[size]
    for choice in found:
        facts = choice.facts
        assert (facts.vcpus, facts.memory_gib) >= (need.vcpus, 0)
        assert facts.memory_gib >= need.memory_gib
        assert architecture in {"", facts.architecture}
        assert bool(facts.gpus) == gpu
        assert not facts.bare_metal
        assert BOOK.offers(facts.name, region)
    prices = [choice.price.usd_hour for choice in found]
    assert prices == sorted(prices)


def test_preferred_families_come_first_in_their_order():
    found = choose(Wanted(region="us-east-1", families=("m7g", "t3")), BOOK)
    families = list(dict.fromkeys(choice.facts.family for choice in found.choices))
    assert families[:2] == ["m7g", "t3"]
    assert found.passed == ()


def test_a_preferred_family_that_does_not_do_is_explained():
    found = choose(Wanted(region="us-east-1", architecture="x86_64", families=("t4g", "zz1")), BOOK)
    assert [one.instance_type for one in found.passed] == ["t4g", "zz1"]
    assert "arm64" in found.passed[0].reason
    assert "no family zz1" in found.passed[1].reason


def test_an_unknown_size_is_explained():
    found = choose(Wanted(region="us-east-1", size="XXL"), BOOK)
    assert found.choices == ()
    assert "one of XS, S, M, L, XL" in found.passed[0].reason


def test_a_gpu_is_had_where_it_is_needed():
    assert first(gpu=True, architecture="x86_64") == "g4dn.xlarge"
    assert first(gpu=True, architecture="arm64") == "g5g.xlarge"
    assert choose(Wanted(region="ca-west-1", architecture="arm64", gpu=True), BOOK).choices == ()


def test_a_sites_own_prices_change_the_order():
    def negotiated(name, region):
        price = BOOK.price(name, region)
        return msgspec.structs.replace(price, usd_hour=0.001) if name == "m7i.large" else price

    assert choose(Wanted(region="us-east-1"), BOOK, negotiated).instance_types[0] == "m7i.large"


def test_a_type_without_a_price_comes_last():
    def silent(name, region):
        return None if name == "t4g.large" else BOOK.price(name, region)

    assert choose(Wanted(region="us-east-1"), BOOK, silent).instance_types[-1] == "t4g.large"


@pytest.mark.parametrize(("region", "least"), [("us-east-1", 10), ("ap-south-1", 8)])
def test_what_arm64_saves_is_computed(region, least):
    found = savings_arm64(Wanted(region=region), BOOK)
    assert found.arm64.facts.architecture == "arm64"
    assert found.usd_hour == found.x86_64.price.usd_hour - found.arm64.price.usd_hour
    assert least < found.percent < 50


def test_where_one_architecture_has_no_type_nothing_is_saved():
    assert savings_arm64(Wanted(region="ca-west-1", gpu=True), BOOK) is None


@pytest.mark.parametrize(
    ("fields", "gpu"),
    [
        ({}, False),
        ({"packages": {"pip": ["torch==2.4"]}}, True),
        ({"packages": {"conda": ["pytorch-cuda"]}}, True),
        ({"packages": {"pip": ["torchtune-like"]}}, False),
        ({"packages": {"system": ["git", "curl"]}}, False),
        ({"instance_defaults": {"type": "g4dn.xlarge"}}, True),
        ({"instance_defaults": {"type": "t3.large"}}, False),
        ({"ami_config": {"instance_types": {"arm64": "g5g.xlarge"}}}, True),
    ],
)
def test_a_template_asks_for_a_gpu_by_its_type_or_its_packages(fields, gpu):
    assert asks_for_gpu(template(**fields)) == gpu


def test_the_type_that_a_template_names():
    both = template(instance_defaults={"type": "t3.large"}, ami_config={"instance_types": {"arm64": "t4g.small"}})
    assert (own_type(both, "arm64"), own_type(both, "x86_64")) == ("t4g.small", "t3.large")
