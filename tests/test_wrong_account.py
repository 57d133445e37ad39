"""An account that is named wrongly or half: one sentence and the next step, before any call is made."""

from __future__ import annotations

import pytest

REGION = {"AWS_REGION": "us-east-1"}
CASES = [
    ({}, 2, "no region is configured", "give --region"),
    (REGION | {"AWS_PROFILE": "nobody"}, 2, "The config profile (nobody) could not be found", "list-profiles"),
    (REGION | {"AWS_ACCESS_KEY_ID": "a"}, 5, "missing: AWS_SECRET_ACCESS_KEY", "aws configure"),
    (REGION, 5, "no AWS credentials", "--sandbox"),
    ({"AWS_REGION": "us east"}, 2, "'us east' is not a region", "cws-build regions"),
]


@pytest.fixture
def ask(cws, monkeypatch):
    """Return a function that plans a bake with variables of an account."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def run(word="bake", **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return cws(*{"bake": ("bake", "basic-debian", "--dry-run"), "doctor": ("doctor",)}[word])

    return run


@pytest.mark.parametrize(("variables", "code", "message", "hint"), CASES)
def test_an_account_that_is_not_usable(ask, variables, code, message, hint):
    done = ask(**variables)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert hint in done.err
    assert "bug" not in done.err


def test_a_configuration_that_cannot_be_read(ask, home):
    file = home / "broken-config"
    file.write_text("[default\nregion = x\n")
    done = ask(AWS_CONFIG_FILE=str(file), AWS_REGION="us-east-1")
    assert done.code == 2
    assert str(file) in done.err
    assert "→" in done.err
    assert "bug" not in done.err


def test_doctor_goes_on_with_half_the_credentials(ask):
    done = ask("doctor", AWS_ACCESS_KEY_ID="a", AWS_REGION="us-east-1")
    assert "missing: AWS_SECRET_ACCESS_KEY" in done.out + done.err
    assert "bug" not in done.err
