"""The policy of clean-ups as a pure function: each rule, and everything that speaks against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.model.clean_up import Judge, Known, Policy
from cws_build.model.orphans import orphans
from cws_build.model.owning import OwnImage
from cws_build.ports.images import OwnSnapshot

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOME, AWAY = "us-east-1", "eu-west-1"


def ago(days):
    return (NOW - timedelta(days=days)).isoformat()


NOT_OURS = {"cws:template": None, "cws:version": None, "cws:digest": None}


def image(ident, version="1.0.0", *, days=60.0, launched=50.0, **fields):
    tags = fields.pop("tags", {})
    words = {"cws:template": "studio", "cws:version": version, "cws:digest": f"digest of {version}"}
    return OwnImage(
        id=ident,
        region=fields.pop("region", HOME),
        name=ident,
        architecture="x86_64",
        state=fields.pop("state", "available"),
        created=ago(days),
        last_launched="" if launched is None else ago(launched),
        tags={key: value for key, value in (words | tags).items() if value is not None},
        **fields,
    )


def three(**fields):
    """Return an image that two newer ones have replaced, and those."""
    return [
        image("ami-1", "1.9.0", days=60, **fields),
        image("ami-2", "1.10.0", days=40, launched=30),
        image("ami-3", "1.11.0", days=20, launched=10),
    ]


def judged(images, *, known=None, keep=2, idle=None, **policy):
    judge = Judge(images, known or Known(), Policy(keep=keep, **policy), NOW)
    return judge.verdicts(lambda _home, _region: idle)


def test_replaced_by_as_many_newer_versions_as_are_kept():
    found = judged(three())
    assert {ident: one.what for ident, one in found.items()} == {"ami-1": "go", "ami-2": "deprecate", "ami-3": "keep"}
    assert (found["ami-1"].rule, found["ami-1"].reason) == (
        "superseded",
        "replaced by 1.11.0 (ami-3 has been launched)",
    )
    assert judged(three(), keep=1)["ami-2"].what == "go"
    assert judged(three(), keep=3)["ami-1"].what == "deprecate"


def test_a_replacement_that_nobody_has_launched_is_none():
    images = [image("ami-1"), image("ami-2", "2.0.0", launched=None), image("ami-3", "3.0.0", launched=None)]
    assert judged(images)["ami-1"].reason == "replaced by 3.0.0, but nothing newer has been launched yet"


def test_a_disabled_image_replaces_nothing():
    images = [image("ami-1"), image("ami-2", "2.0.0", state="disabled"), image("ami-3", "3.0.0", state="disabled")]
    assert judged(images, keep=1)["ami-1"].what == "keep"


def test_an_older_image_of_a_version_that_is_kept():
    images = [image("ami-1", "2.0.0", days=60), image("ami-2", "2.0.0", days=20)]
    assert judged(images)["ami-1"].reason == "replaced by a newer image of 2.0.0 (ami-2 has been launched)"


def test_other_regions_architectures_and_templates_replace_nothing():
    others = [
        image("ami-2", "9", region=AWAY),
        image("ami-3", "9", tags={"cws:template": "other"}),
    ]
    assert judged([image("ami-1"), *others], keep=1)["ami-1"].what == "keep"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"protection": "enabled-without-cooldown"}, "protected against deregistration"),
        ({"launched": 6.5}, "launched 6 days ago"),
        ({"tags": {"cws:keep": "for the paper"}}, "tagged cws:keep (for the paper)"),
        ({"public": True}, "it is public"),
    ],
)
def test_what_an_image_says_for_itself(fields, said):
    found = judged(three(**fields))["ami-1"]
    assert (found.what, found.rule) == ("keep", "")
    assert said in found.reason


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"named": {"ami-1": "channel studio/stable names it"}}, "but channel studio/stable names it"),
        ({"shared": {"ami-1": "account 210987654321"}}, "but shared with account 210987654321"),
        ({"used": {"ami-1": "used by instance i-1"}}, "but used by instance i-1"),
        ({"making": frozenset({"ami-1"})}, "but something is being done with it"),
    ],
)
def test_what_is_known_of_it(known, said):
    found = judged(three(), known=Known(**known))["ami-1"]
    assert (found.what, found.reason) == ("keep", f"replaced by 1.11.0 (ami-3 has been launched), {said}")


def test_never_the_last_of_a_template_anywhere():
    newest = image("ami-9", "9.0.0", state="pending", tags={"cws:digest": None}, days=0.1)
    gone = [image("ami-1", "1.0.0", days=60), image("ami-2", "1.0.0", days=40, launched=None)]
    assert judged([*gone, newest], keep=1)["ami-1"].what == "keep"


def test_failed_unfinished_and_partial_ones():
    images = [
        image("failed", state="failed", tags={"cws:digest": None}),
        image("copy", tags={"cws:digest": None, "cws:copied-from": "ami-1 in us-east-1"}),
        image("adopted", tags=NOT_OURS | {"cws:copied-from": "ami-1 in us-east-1"}),
        image("young", tags={"cws:digest": None}, days=0.2),
        image("over", tags={"cws:digest": None, "cws:expires": ago(0.1)}, days=0.2),
        image("pending", state="pending", tags={"cws:digest": None}, days=3),
        image("odd", tags={"cws:digest": None, "cws:expires": "soon"}, days=0.2),
        image("made", state="pending", tags={"cws:digest": None}, days=3),
        image("partial", tags={"cws:partial": "3/9"}, days=20),
        image("new-part", tags={"cws:partial": "3/9"}, days=2),
        image("start", tags={"cws:partial": "3/9", "cws:digest": "useful"}, days=20),
        image("mine", tags={"cws:digest": None, "cws:modified": "true"}),
        image("foreign", tags=NOT_OURS),
    ]
    known = Known(making=frozenset({"made"}), starts={"useful": "studio"})
    found = {ident: (one.what, one.rule) for ident, one in judged(images, known=known).items()}
    assert found == {
        "failed": ("go", "failed"),
        "copy": ("go", "unfinished"),
        "adopted": ("keep", ""),
        "young": ("keep", ""),
        "over": ("go", "unfinished"),
        "pending": ("go", "unfinished"),
        "odd": ("keep", ""),
        "made": ("keep", ""),
        "partial": ("go", "partial"),
        "new-part": ("keep", ""),
        "start": ("keep", ""),
        "mine": ("keep", ""),
        "foreign": ("keep", ""),
    }


def test_a_start_that_a_finished_image_has_overtaken_goes():
    part = image("start", tags={"cws:partial": "3/9", "cws:digest": "useful"}, days=20)
    found = judged([part, image("whole", days=10)], known=Known(starts={"useful": "studio"}))
    assert found["start"].rule == "partial"


def test_a_copy_that_nobody_launches_is_recommended_to_go():
    copy = image("copy", region=AWAY, launched=30, tags={"cws:copied-from": "home in us-east-1"})
    found = judged([image("home"), copy], idle=12.0)
    assert (found["copy"].what, found["home"].what) == ("recommend", "keep")
    assert "not launched for 30 days" in found["copy"].reason
    assert judged([image("home"), copy], idle=31.0)["copy"].what == "keep"
    assert judged([image("home"), copy], idle=None)["copy"].what == "keep"
    assert judged([copy], idle=1.0)["copy"].what == "keep"


TIMES = st.one_of(st.none(), st.floats(0, 100))
IMAGES = st.lists(
    st.fixed_dictionaries(
        {
            "version": st.sampled_from(["1.0", "2.0", "3.0", "10.0"]),
            "days": st.floats(0.5, 100),
            "launched": TIMES,
            "region": st.sampled_from([HOME, AWAY]),
            "protection": st.sampled_from(["disabled", "enabled-with-cooldown"]),
            "tags": st.sampled_from([{}, {"cws:keep": "true"}]),
        }
    ),
    max_size=12,
)


@given(IMAGES, st.integers(1, 3))
def test_whatever_there_is(parts, keep):
    images = [image(f"ami-{number}", **one) for number, one in enumerate(parts)]
    found = judged(images, keep=keep)
    assert set(found) == {one.id for one in images}
    stays = [one for one in images if found[one.id].what != "go"]
    assert bool(stays) == bool(images)
    for one in images:
        if found[one.id].what == "go":
            assert {"cws:keep"}.isdisjoint(one.tags)
            assert not one.protected
    for region in (HOME, AWAY):
        versions = {one.version for one in images if one.region == region}
        assert len({one.version for one in stays if one.region == region}) >= min(keep, len(versions))


def snapshot(ident, description="", *, days=5.0, tags=None, **fields):
    words = {"id": ident, "region": HOME, "size_gb": 8, "created": ago(days), "description": description}
    return OwnSnapshot(**words, tags=tags or {}, **fields)


def test_snapshots_that_belong_to_nothing():
    of = "Created by CreateImage(i-0a) for ami-00000000000000{}"
    snapshots = [
        snapshot("held", of.format("aa")),
        snapshot("ours", of.format("bb"), tags={"cws:template": "studio"}),
        snapshot("theirs", of.format("bb")),
        snapshot(
            "copied", "Copied for DestinationAmi ami-00000000000000bb from SourceAmi ami-0a", tags={"cws:run": "1"}
        ),
        snapshot("binned", of.format("cc"), tags={"cws:run": "1"}),
        snapshot("making", of.format("dd"), tags={"cws:run": "1"}),
        snapshot("young", of.format("bb"), tags={"cws:run": "1"}, days=0.5),
        snapshot("kept", of.format("bb"), tags={"cws:run": "1", "cws:keep": "x"}),
        snapshot("backup", "of my disk"),
    ]
    images = [image("ami-00000000000000aa", snapshots=("held",)), image("ami-00000000000000dd", state="pending")]
    found = {one.id: one.what for one in orphans(snapshots, images, {"ami-00000000000000cc"}, NOW)}
    assert found == {"ours": "go", "theirs": "recommend", "copied": "go", "young": "keep", "kept": "keep"}
