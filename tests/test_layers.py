"""Which role does what a template asks for, in which order, with which variables."""

from __future__ import annotations

import pytest

from cws_build.model.base import find_base
from cws_build.model.layers import CONDA, VENV, layers_of
from cws_build.reader import read_template
from tests.project import compiled


def layers(*texts, base="debian-12", arch="x86_64"):
    """Compile YAML texts, parents first, to (layer name, variables)."""
    lineage = []
    for number, text in enumerate(texts):
        reading = read_template(f"name: T{number}\ndescription: d\nbase: {base}\n{text}\n", f"t{number}.yml")
        assert [p for p in reading.problems if p.severity == "error"] == []
        lineage.append(reading.template)
    return {spec.name: spec.variables for spec in layers_of(lineage, find_base(base), arch)}


def test_the_order_of_a_recipe():
    names = [layer.name for layer in compiled("studio").recipe.layers]
    assert names == [
        *("base", "apt", "pip", "users", "files", "services", "user_data", "post_install"),
        *("services@studio", "idle_detection"),
    ]


def test_a_template_that_asks_for_nothing_is_the_base_layer():
    assert layers("") == {"base": {}}


@pytest.mark.parametrize(
    ("base", "role"), [("debian-12", "apt"), ("ubuntu-24.04", "apt"), ("rocky-9", "dnf"), ("amazonlinux-2023", "dnf")]
)
def test_system_packages_go_to_the_family_of_the_base(base, role):
    assert layers("packages: {system: [git]}", base=base)[role] == {f"{role}_packages": ["git"]}


@pytest.mark.parametrize(("user", "role"), [("ec2-user", "dnf"), ("rocky", "dnf"), ("ubuntu", "apt"), ("", "apt")])
def test_an_image_of_somebody_elses_shows_its_family_by_its_user(user, role):
    config = "ami_config: {strategy: ami_required, ssh_user: '%s', ami_mappings: {us-east-1: ami-0123456789abcdef0}}"
    assert role in layers(f"packages: {{system: [git]}}\n{config % user}", base="ami-based")


def test_every_package_list_is_honoured_whatever_the_package_manager():
    found = layers("package_manager: apt\npackages: {system: [a], conda: [b], spack: [c], pip: [d]}")
    assert list(found) == ["base", "apt", "conda", "spack", "pip"]


@pytest.mark.parametrize(
    ("texts", "environment"),
    [
        (["packages: {pip: [a]}"], VENV),
        (["packages: {pip: [a], conda: [b]}"], CONDA),
        (["package_manager: conda\npackages: {pip: [a]}"], CONDA),
        (["packages: {conda: [b]}", "packages: {pip: [a]}"], CONDA),
    ],
)
def test_where_pip_packages_go(texts, environment):
    assert layers(*texts)["pip"] == {"pip_packages": ["a"], "pip_environment": environment}


def test_a_child_with_conda_leaves_its_parents_packages_where_they_were():
    found = layers("packages: {pip: [a]}", "packages: {conda: [b], pip: [c]}")
    assert found["pip"]["pip_environment"] == VENV
    assert found["pip@t1"] == {"pip_packages": ["c"], "pip_environment": CONDA}


@pytest.mark.parametrize(
    ("condition", "x86_64", "arm64"),
    [
        ("", True, True),
        ("arch == 'arm64'", False, True),
        ("arch == 'x86_64'", True, False),
        ("arch != 'arm64'", True, False),
        ("arch != 'x86_64'", False, True),
    ],
)
def test_only_if_by_architecture(condition, x86_64, arm64):
    text = f'files: [{{s3_bucket: b, s3_key: k, destination_path: /d, only_if: "{condition}"}}]'
    assert [("files" in layers(text, arch=arch)) for arch in ("x86_64", "arm64")] == [x86_64, arm64]


def test_what_a_file_does_not_say():
    text = "files: [{s3_bucket: b, s3_key: k, destination_path: /d, owner: ada}]"
    assert layers(text)["files"]["files_list"] == [
        {
            "s3_bucket": "b",
            "s3_key": "k",
            "destination_path": "/d",
            "owner": "ada",
            "group": "ada",
            "permissions": "0644",
            "checksum": True,
            "required": True,
            "auto_cleanup": False,
            "description": "",
        }
    ]


@pytest.mark.parametrize(
    "name",
    ["jupyter", "jupyterlab", "rstudio-server", "shiny", "code-server", "streamlit", "streamlit-app", "mlflow"],
)
def test_services_known_by_name_come_before_the_scripts(name):
    found = list(layers(f"services: [{{name: {name}, port: 80}}, {{name: own}}]\npost_install: echo"))
    assert found == ["base", "services", "post_install", "services@t0"]


def test_other_services_come_after_the_scripts_that_bring_them():
    assert list(layers("services: [{name: own}]\nuser_data: a\npost_install: b")) == [
        *("base", "user_data", "post_install", "services")
    ]


@pytest.mark.parametrize(
    ("text", "enable"),
    [("port: 80", True), ("port: 80, enable: false", False), ("port: 0", False), ("enable: true", True)],
)
def test_whether_a_service_starts(text, enable):
    (service,) = layers(f"services: [{{name: own, {text}}}]")["services"]["services_list"]
    assert service["enable"] is enable


def test_user_data_stands_beside_everything_else():
    text = "packages: {system: [a]}\nuser_data: first\nami_config: {user_data_script: second, ssh_user: u}"
    found = layers(text)
    assert [name for name in found if name != "base"] == ["apt", "user_data", "user_data@t0"]
    assert [found[name]["user_data_script"] for name in ("user_data", "user_data@t0")] == ["first", "second"]


def test_a_layer_that_says_what_an_earlier_one_said_is_not_repeated():
    assert list(layers("packages: {system: [a]}", "packages: {system: [a], pip: [b]}")) == ["base", "apt", "pip"]


def test_services_run_as_the_first_user():
    text = "users: [{name: ada}, {name: grace}]\nservices: [{name: jupyter}]"
    assert layers(text)["services"]["services_user"] == "ada"


@pytest.mark.parametrize("kind", ["dcv", "both", "all"])
def test_a_desktop_is_a_layer(kind):
    assert layers(f"connection_type: {kind}")["desktop"] == {"desktop_connection_type": kind}


@pytest.mark.parametrize("kind", ["ssh", "web", "auto"])
def test_no_desktop_is_no_layer(kind):
    assert list(layers(f"connection_type: {kind}")) == ["base"]


def test_idle_detection_that_does_not_say_when():
    assert layers("idle_detection: {enabled: true}")["idle_detection"] == {
        "idle_detection_idle_threshold_minutes": 15,
        "idle_detection_hibernate_threshold_minutes": 30,
        "idle_detection_check_interval_minutes": 5,
    }
    assert list(layers("idle_detection: {idle_threshold_minutes: 5}")) == ["base"]


def test_a_research_user():
    found = compiled("quarry").recipe.layers[2].variables
    assert found["research_user_name"] == "researcher"
    assert found["research_user_default_groups"] == ["research"]
    assert list(layers("research_user: {auto_create: false}")) == ["base"]
