from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cws_build.model.inheritance import OWN, SCRIPTS, merge
from cws_build.model.template import Template
from cws_build.model.template_ami import AmiConfig, AmiSearch
from cws_build.model.template_parts import (
    IdleDetection,
    InstanceDefaults,
    Packages,
    Parameter,
    Service,
    User,
)


def made(name, **fields):
    return Template(name=name, description=name, base="debian-12", **fields)


def test_a_template_alone_is_itself():
    alone = made("A", version="1")
    assert merge([alone]) is alone


def test_lists_append_without_duplicates_and_maps_join_with_the_child_winning():
    parent = made("A", packages=Packages(system=("git", "vim"), pip=("x",)), tags={"a": "1", "b": "1"})
    child = made("B", packages=Packages(system=("vim", "tmux")), tags={"b": "2"})
    both = merge([parent, child])
    assert both.packages == Packages(system=("git", "vim", "tmux"), pip=("x",))
    assert both.tags == {"a": "1", "b": "2"}


def test_sections_join_field_by_field_and_no_is_not_the_same_as_nothing():
    parent = made(
        "A",
        idle_detection=IdleDetection(enabled=True, idle_threshold_minutes=9),
        instance_defaults=InstanceDefaults(type="t3.micro", ports=(22,), root_volume_gb=50),
        ami_config=AmiConfig(
            ami_mappings={"us-east-1": "ami-1", "us-east-2": "ami-2"},
            ami_search=AmiSearch(owner="self", name_pattern="a"),
            ssh_user="ubuntu",
        ),
    )
    child = made(
        "B",
        idle_detection=IdleDetection(enabled=False),
        instance_defaults=InstanceDefaults(type="t3.large", ports=(22, 8888)),
        ami_config=AmiConfig(amis={"us-east-1": {"arm64": "ami-3"}}, ami_mappings={"us-east-1": "ami-9"}),
    )
    both = merge([parent, child])
    assert both.idle_detection == IdleDetection(enabled=False, idle_threshold_minutes=9)
    assert both.instance_defaults == InstanceDefaults(type="t3.large", ports=(22, 8888), root_volume_gb=50)
    assert both.ami_config.ami_mappings == {"us-east-1": "ami-9", "us-east-2": "ami-2"}
    assert both.ami_config.amis == {"us-east-1": {"arm64": "ami-3"}}
    assert (both.ami_config.ssh_user, both.ami_config.ami_search.owner) == ("ubuntu", "self")


def test_a_child_defines_a_parameter_further():
    parent = made("A", parameters={"p": Parameter(type="choice", choices=("a", "b"), default="a")})
    child = made("B", parameters={"p": Parameter(default="b"), "q": Parameter()})
    both = merge([parent, child]).parameters
    assert both == {"p": Parameter(type="choice", choices=("a", "b"), default="b"), "q": Parameter()}


def test_users_and_services_of_one_name_are_one():
    parent = made(
        "A",
        users=(User(name="ann", groups=("sudo",), shell="/bin/zsh"),),  # noqa: S604  # a login shell
        services=(Service(name="jupyter", port=8888, config=("a",)),),
    )
    child = made(
        "B",
        users=(User(name="ann", groups=("docker",)), User(name="bob")),
        services=(Service(name="jupyter", config=("b",), enable=False),),
    )
    both = merge([parent, child])
    assert both.users == (User(name="ann", groups=("sudo", "docker"), shell="/bin/zsh"), User(name="bob"))  # noqa: S604  # a login shell
    assert both.services == (Service(name="jupyter", port=8888, config=("a", "b"), enable=False),)


def test_scripts_follow_each_other():
    both = merge([made("A", post_install="one\n"), made("B"), made("C", post_install="two\n")])
    assert both.post_install == "one\n\ntwo\n"
    cloud = merge([made("A", user_data="#cloud-config\na: 1\n"), made("B", user_data="#!/bin/sh\n")])
    assert cloud.user_data == "#!/bin/sh\n"


def test_who_a_template_is_comes_from_itself_alone():
    both = merge([made("A", version="9", maintainer="m", slug="a", featured=True), made("B")])
    assert (both.name, both.slug, both.version, both.maintainer, both.featured) == ("B", "", "", "", None)


words = st.text(alphabet="abc", min_size=1, max_size=2)
lists = st.lists(words, max_size=3, unique=True).map(tuple)
maps = st.dictionaries(words, words, max_size=3)
templates = st.builds(
    Template,
    name=words,
    description=words,
    base=words,
    category=st.just("") | words,
    connection_type=st.just("") | words,
    packages=st.builds(Packages, system=lists, pip=lists, conda=lists),
    users=st.lists(st.builds(User, name=words, groups=lists), max_size=3, unique_by=lambda u: u.name).map(tuple),
    services=st.lists(
        st.builds(Service, name=words, config=lists, port=st.none() | st.integers(1, 9)),
        max_size=3,
        unique_by=lambda s: s.name,
    ).map(tuple),
    tags=maps,
    variables=maps,
    parameters=st.dictionaries(words, st.builds(Parameter, default=st.none() | words), max_size=3),
    post_install=st.just("") | words,
    ami_config=st.none() | st.builds(AmiConfig, ami_mappings=maps, instance_family_preference=lists, ssh_user=words),
    instance_defaults=st.builds(InstanceDefaults, ports=st.lists(st.integers(1, 9), unique=True).map(tuple)),
    prerequisites=lists,
)


def kept(field, said, whole):
    """Whether everything that `said` says is still in `whole`, except single values."""
    if said is None or said in ("", (), {}):
        return True
    if field in SCRIPTS:
        return said in whole
    if isinstance(said, msgspec.Struct):
        return all(kept(f, getattr(said, f), getattr(whole, f)) for f in said.__struct_fields__)
    if isinstance(said, tuple) and isinstance(said[0], User | Service):
        named = {item.name: item for item in whole}
        return all(kept("", item, named[item.name]) for item in said)
    if isinstance(said, tuple):
        return set(said) <= set(whole) and len(whole) == len(set(whole))
    return said.keys() <= whole.keys() if isinstance(said, dict) else whole not in (None, "")


@settings(deadline=None)
@given(st.lists(templates, min_size=1, max_size=4))
def test_nothing_of_any_template_is_lost(lineage):
    whole = merge(lineage)
    for template in lineage:
        for field in set(Template.__struct_fields__) - OWN:
            assert kept(field, getattr(template, field), getattr(whole, field)), field


@settings(deadline=None)
@given(st.lists(templates, min_size=1, max_size=4))
def test_what_the_child_says_counts(lineage):
    child, whole = lineage[-1], merge(lineage)
    for field in ("name", "base", "description"):
        assert getattr(whole, field) == getattr(child, field)
    for field in ("category", "connection_type"):
        assert not getattr(child, field) or getattr(whole, field) == getattr(child, field)
    for field in ("tags", "variables"):
        assert getattr(whole, field).items() >= getattr(child, field).items()


@settings(deadline=None)
@given(templates)
def test_a_template_that_inherits_an_empty_one_stays_as_it_is(template):
    empty = Template(name="e", description="e", base="e")
    assert merge([empty, template]) == template
