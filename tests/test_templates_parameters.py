from __future__ import annotations

from pathlib import Path

import pytest

from cws_build.catalog import Catalog
from cws_build.errors import InputError
from cws_build.model.inheritance import merge
from cws_build.model.parameters import apply, bind
from cws_build.model.template import Template
from cws_build.model.template_parts import (
    FileSource,
    IdleDetection,
    Packages,
    Parameter,
    Service,
    User,
    ValidationStep,
)

TEMPLATES = Path(__file__).parent.parent / "templates"


def made(**fields):
    return Template(name="T", description="d", base="debian-12", **fields)


def one(**fields):
    return made(parameters={"p": Parameter(**fields)})


def refused(template, **given):
    with pytest.raises(InputError) as caught:
        bind(template, given)
    return caught.value


def test_defaults_count_also_when_nothing_is_given_and_values_stay_text():
    template = made(
        parameters={
            "python_version": Parameter(type="choice", choices=("3.9", "3.10"), default="3.10"),
            "flag": Parameter(type="bool", default="yes"),
            "absent": Parameter(),
            "off": Parameter(type="bool"),
        },
        variables={"V": "v", "python_version": "never"},
    )
    expected = {"python_version": "3.10", "flag": "true", "absent": "", "off": "false", "V": "v"}
    assert bind(template, {}) == expected
    assert bind(template, {"python_version": "3.9", "flag": "off"}) == {
        **expected,
        "python_version": "3.9",
        "flag": "false",
    }


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ({"type": "int"}, "1.5", "'1.5' is not a whole number"),
        ({"type": "int", "min": 2}, "1", "'1' is less than 2"),
        ({"type": "int", "max": 2}, "3", "'3' is more than 2"),
        ({"type": "bool"}, "maybe", "'maybe' is neither true nor false"),
        ({"type": "choice", "choices": ("a", "b")}, "c", "'c' is not one of a, b"),
        ({"choices": ("3.10",)}, "3.1", "'3.1' is not one of 3.10"),
        ({"pattern": "^[a-z]+$"}, "A1", "'A1' does not match ^[a-z]+$"),
    ],
)
def test_a_value_must_fit_its_parameter(parameter, value, message):
    error = refused(one(**parameter), p=value)
    assert error.message == f"T: parameter p: {message}"
    assert error.problems[0].path == "parameters.p"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [({"type": "int", "min": 1, "max": 9}, "-0"), ({"pattern": "b"}, "xyz")],
)
def test_limits_are_inclusive_and_patterns_may_match_anywhere(parameter, value):
    refused(one(**parameter), p=value)
    assert bind(one(type="int", min=1, max=9), {"p": "9"}) == {"p": "9"}
    assert bind(one(pattern="b"), {"p": "abc"}) == {"p": "abc"}


def test_every_mistake_is_reported_at_once():
    template = made(parameters={"size": Parameter(type="int"), "key": Parameter(required=True)})
    error = refused(template, sise="3", size="x")
    assert error.message == "T: 3 parameters are wrong"
    assert [str(p) for p in error.problems] == [
        "T: parameters.sise: the template has no such parameter (did you mean 'size'?)",
        "T: parameters.size: 'x' is not a whole number (give another with --param size=VALUE)",
        "T: parameters.key: a value is required (give it with --param key=VALUE)",
    ]


def test_the_value_of_a_secret_is_never_repeated():
    template = made(parameters={"db_password": Parameter(pattern="^.{12,}$")})
    error = refused(template, db_password="hunter2")
    assert error.message == "T: parameter db_password: the value does not match ^.{12,}$"


def test_values_reach_every_text_that_may_hold_them():
    x = "{{.p}}"
    template = made(
        long_description=x,
        packages=Packages(system=(x,), conda=("python={{.p}}",), pip=("a",)),
        services=(Service(name="s-{{.p}}", config=("port={{.p}}",)),),
        users=(User(name=x, groups=("g", '{{if eq .p "x"}}docker{{end}}'), shell="/bin/{{.p}}"),),  # noqa: S604  # a login shell
        files=(FileSource(s3_bucket="b", s3_key="k/{{.p}}", destination_path="/d/{{.p}}", owner=x),),
        validation=(ValidationStep(name="n", command="test {{.p}}"),),
        post_install="docker ps --format '{{.Names}}' {{.p}}",
        user_data=x,
    )
    found = apply(template, {"p": "v"})
    assert found.long_description == found.user_data == "v"
    assert found.packages == Packages(system=("v",), conda=("python=v",), pip=("a",))
    assert found.services == (Service(name="s-v", config=("port=v",)),)
    assert found.users == (User(name="v", groups=("g",), shell="/bin/v"),)  # noqa: S604  # a login shell
    assert (found.files[0].s3_key, found.files[0].destination_path, found.files[0].owner) == ("k/v", "/d/v", "v")
    assert found.validation[0].command == "test v"
    assert found.post_install == "docker ps --format '{{.Names}}' v"


def test_package_entries_may_vanish_or_become_several():
    entries = (
        '{{if eq .f "torch"}}torch torchvision{{end}}',
        '{{if eq .f "jax"}}jax{{end}}',
        "numpy >= {{.v}}",
        "plain  text",
    )
    found = apply(made(packages=Packages(pip=entries)), {"f": "torch", "v": "2.0"})
    assert found.packages.pip == ("torch", "torchvision", "numpy >= 2.0", "plain  text")


def test_the_placeholders_of_user_data_are_filled():
    template = made(
        user_data="I={{IDLE_THRESHOLD_MINUTES}} H={{HIBERNATE_THRESHOLD_MINUTES}} */{{CHECK_INTERVAL_MINUTES}}",
        post_install="bind {{.WebInterfaceBindIP}}",
        idle_detection=IdleDetection(idle_threshold_minutes=5, check_interval_minutes=2),
    )
    found = apply(template, {})
    assert found.user_data == "I=5 H=999999 */2"
    assert found.post_install == "bind 127.0.0.1"


def test_the_gpu_template_follows_its_parameters():
    catalog = Catalog.load([TEMPLATES])
    gpu = merge(catalog.lineage(catalog.find("gpu")))
    assert "torch" in apply(gpu, bind(gpu, {})).packages.pip
    chosen = apply(gpu, bind(gpu, {"framework": "jax", "extras": "yes"}))
    assert {"jax[cuda12]", "transformers"} <= set(chosen.packages.pip)
    assert "torch" not in " ".join(chosen.packages.pip)
