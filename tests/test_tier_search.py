"""The tier ``search``: what was baked comes first, then what the template looks for; strangers never."""

from __future__ import annotations

import pytest

from cws_build.testing.account import STRANGER, FakeAccount
from cws_build.testing.make import question
from tests.tiers import digest, ids, tier, whys

search = tier("search")
WANTED = {"owner": "self", "name_pattern": "studio-*"}


@pytest.fixture
def account():
    return FakeAccount()


@pytest.fixture
def here(account):
    return account.lookup("us-east-1")


def asked(account, wanted=None, **fields):
    return question(account=account, ami_config={"ami_search": wanted} if wanted else {}, **fields)


def test_the_longest_prefix_wins(account, here):
    asking = asked(account)
    short = here.add(tags=digest(asking, 1), created="2026-11-19T00:00:00.000Z")
    long = here.add(tags=digest(asking, 2), created="2026-11-01T00:00:00.000Z")
    found = search(asking)
    assert ids(found) == [long.id, short.id]
    assert f"2 of {len(asking.recipe.layers)} layers" in found.reason


def test_a_whole_image_ends_the_search_after_one_call(account, here):
    asking = asked(account, WANTED)
    whole = here.add(tags=digest(asking, len(asking.recipe.layers)))
    here.add(name="studio-1")
    assert ids(search(asking)) == [whole.id]
    assert len(here.asked) == 1


def test_a_partial_image_does_not_end_it(account, here):
    asking = asked(account, WANTED)
    part, named = here.add(tags=digest(asking, 1)), here.add(name="studio-1")
    assert ids(search(asking)) == [named.id, part.id]


def test_among_equals_version_counts_before_date_and_numbers_are_numbers(account, here):
    made = [
        here.add(name=f"studio-{version}", created=f"2026-11-{day:02}T00:00:00.000Z", **more)
        for version, day, more in [
            ("1.9.0", 9, {}),
            ("1.10.0", 1, {}),
            ("1.10.0", 2, {}),
            ("2.0.0", 3, {"deprecated": "2026-11-04T00:00:00.000Z"}),
        ]
    ]
    assert ids(search(asked(account, WANTED))) == [made[2].id, made[1].id, made[0].id, made[3].id]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"owner": ""}, "without owner is refused"),
        ({"name_pattern": ""}, "without name_pattern"),
        ({"architecture": ["arm64"]}, "arm64 only"),
    ],
)
def test_what_would_find_anything_or_nothing_is_not_asked(account, here, more, said):
    here.add(name="studio-1")
    found = search(asked(account, WANTED | more))
    assert found.candidates == ()
    assert said in found.reason
    assert not any(query.names for query in here.asked)


@pytest.mark.parametrize(
    ("wanted", "fields", "verdict"),
    [
        ({"version_tag": "2.1.0"}, {"tags": {"Version": "2.0.0"}}, ("wrong_version", "2.0.0")),
        ({"version_tag": "2.1.0"}, {}, ("wrong_version", "no tag Version")),
        ({"version_tag": ">=2.1.0"}, {"tags": {"Version": "2.0.9"}}, ("wrong_version", ">=2.1.0")),
        ({"version_tag": "stable"}, {"tags": {"Version": "nightly"}}, ("wrong_version", "stable")),
        ({"min_creation_date": "2026-11-02"}, {}, ("too_old", "2026-11-02")),
        ({"required_tags": {"Lab": "bio", "Team": "x"}}, {"tags": {"Lab": "bio"}}, ("lacks_tags", "Team=x")),
        ({}, {"architecture": "arm64"}, ("wrong_architecture", "arm64")),
    ],
)
def test_each_rejected_candidate_has_its_reason(account, here, wanted, fields, verdict):
    why, said = verdict
    ami = here.add(name="studio-1", **fields)
    found = search(asked(account, WANTED | wanted))
    assert found.candidates == ()
    assert whys(found) == {ami.id: why}
    assert said in found.rejected[0].reason


@pytest.mark.parametrize("wanted", ["2.1.0", "2.1", ">=2.0.0", "~>2.1", "=2.1.0", ">2,<3"])
def test_a_version_tag_is_a_value_or_a_constraint(account, here, wanted):
    ami = here.add(name="studio-1", tags={"Version": "2.1.0"})
    assert ids(search(asked(account, WANTED | {"version_tag": wanted}))) == [ami.id]


def test_a_version_tag_may_be_a_word(account, here):
    ami = here.add(name="studio-1", tags={"Version": "stable"})
    assert ids(search(asked(account, WANTED | {"version_tag": "stable"}))) == [ami.id]


def test_an_owner_is_what_the_template_says(account, here):
    theirs = here.add(name="studio-9", owner=STRANGER)
    mine = here.add(name="studio-1")
    assert ids(search(asked(account, WANTED))) == [mine.id]
    assert ids(search(asked(account, WANTED | {"owner": STRANGER}))) == [theirs.id]


def test_what_others_have_deprecated_is_found_and_ranks_last(account, here):
    old = here.add(name="studio-9.0", owner=STRANGER, deprecated="2026-11-04T00:00:00.000Z")
    new = here.add(name="studio-1.0", owner=STRANGER)
    assert ids(search(asked(account, WANTED | {"owner": STRANGER}))) == [new.id, old.id]


@pytest.mark.parametrize("wanted", [None, WANTED])
def test_a_strangers_image_with_our_name_our_digest_and_a_newer_date_is_never_chosen(account, here, wanted):
    asking = asked(account, wanted)
    whole = digest(asking, len(asking.recipe.layers))
    ours = here.add(name="studio-1", tags=digest(asking, 1))
    theirs = here.add(
        name="studio-9", owner=STRANGER, public=True, tags=whole | {"Version": "99"}, created="2026-11-19T00:00:00.000Z"
    )
    found = search(asking)
    assert ours.id in ids(found)
    assert theirs.id not in ids(found)


def test_traces_of_a_failed_bake_matter_where_a_clean_image_does_as_well(account, here):
    asking = asked(account)
    traced = here.add(tags=digest(asking, 2) | {"cws:residue": "conda"}, created="2026-11-19T00:00:00.000Z")
    assert ids(search(asking)) == [traced.id]
    clean = here.add(tags=digest(asking, 2))
    found = search(asking)
    assert ids(found) == [clean.id]
    assert whys(found) == {traced.id: "residue"}


def test_traces_of_another_templates_failure_are_never_taken(account, here):
    asking = asked(account)
    traced = here.add(tags=digest(asking, 2) | {"cws:residue": "conda", "cws:template": "other"})
    assert whys(search(asking)) == {traced.id: "residue"}


def test_nothing_at_all_is_said_in_words(account):
    assert "no image of this recipe" in search(asked(account)).reason
    assert "studio-*" in search(asked(account, WANTED)).reason
