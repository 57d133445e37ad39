"""Which image is the newest, and what tags say of one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cws_build.model.image import Ami, layer_tags, layers_from_tags, newest
from cws_build.model.image_tags import PARTIAL_TAG, content_tags
from tests.project import compiled


def ami(ident, **fields):
    values = {"region": "us-east-1", "name": ident, "owner": "1", "architecture": "x86_64", "state": "available"}
    return Ami(**values | {"id": ident, "created": "2026-01-01T00:00:00+00:00"} | fields)


amis = st.lists(
    st.builds(
        ami,
        st.from_regex("ami-[0-9a-f]{4}", fullmatch=True),
        created=st.sampled_from(["2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]),
        name=st.sampled_from(["a", "b"]),
        deprecated=st.sampled_from(["", "2026-03-01T00:00:00+00:00"]),
    ),
    max_size=6,
    unique_by=lambda found: found.id,
)


def test_newest_first_then_name_then_id():
    images = [
        ami("ami-4", name="b"),
        ami("ami-3", name="a"),
        ami("ami-2", name="a"),
        ami("ami-1", name="z", created="2026-05-01T00:00:00+00:00"),
    ]
    assert [found.id for found in newest(images)] == ["ami-1", "ami-2", "ami-3", "ami-4"]


@given(amis, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_the_answer(images, random):
    shuffled = list(images)
    random.shuffle(shuffled)
    assert newest(shuffled) == newest(images)


names = st.from_regex("[a-z_]{1,20}(@[a-z-]{1,40}(\\.[0-9]{1,2})?)?", fullmatch=True)


@given(st.lists(st.tuples(names, st.from_regex("[0-9a-f]{64}", fullmatch=True)), max_size=60))
def test_layers_fit_into_tags_and_come_back(layers):
    tags = layer_tags(layers)
    assert layers_from_tags(tags) == [(name, digest[:12]) for name, digest in layers]
    assert all(len(key) <= 128 and len(value) <= 256 for key, value in tags.items())


def test_tags_of_a_whole_image_and_of_a_part():
    recipe = compiled("studio").recipe
    whole, part = content_tags(recipe, len(recipe.layers)), content_tags(recipe, 3)
    assert whole["cws:digest"] == recipe.digest
    assert PARTIAL_TAG not in whole
    assert part["cws:digest"] == recipe.layers[2].digest
    assert part[PARTIAL_TAG] == "3/10"
    assert layers_from_tags(part) == [(layer.name, layer.digest[:12]) for layer in recipe.layers[:3]]
    assert content_tags(recipe, 0)["cws:digest"] == recipe.root


def test_tags_keep_to_the_limits_of_ec2():
    for name in ("studio", "study", "hostile", "quarry"):
        recipe = compiled(name).recipe
        tags = content_tags(recipe, len(recipe.layers))
        assert len(tags) <= 30
        assert all(0 < len(key) <= 128 and len(value) <= 256 for key, value in tags.items())
