"""Secrets in text: the known ones, and those that only look like one."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.model.scrub import Scrubber

SECRET = st.text(min_size=1).filter(lambda text: "*" not in text and text.strip())
BODY = "b3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACD\nx0="
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}\n-----END OPENSSH PRIVATE KEY-----"
AWS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@given(st.lists(SECRET, min_size=1, max_size=4), st.lists(st.text(), max_size=4), st.data())
def test_a_known_secret_never_survives(secrets, around, data):
    secret = data.draw(st.sampled_from(secrets))
    text = secret.join(["", *around, ""])
    scrubbed = Scrubber(secrets)(text)
    assert all(known not in scrubbed for known in secrets)


@given(SECRET.filter(lambda text: len(text) > 3))
def test_other_spellings_do_not_survive(secret):
    scrub = Scrubber([secret])
    for spelling in (json.dumps(secret)[1:-1], quote(secret, safe="")):
        assert spelling not in scrub(f"a {spelling} b")


@given(st.text(alphabet="abcdefghij .-/_:\n", max_size=200))
def test_ordinary_text_stays(text):
    if "://" not in text:
        assert Scrubber()(text) == text


def test_each_line_of_a_long_secret_counts():
    scrub = Scrubber(["first line\nsecond line\n}\n"])
    assert scrub("==> t.x: second line and }") == "==> t.x: *** and }"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("Password: 'hunter two'", "hunter two"),
        ('{"db_password": "hunter, two", "x": 1}', "hunter"),
        ('{\\"password\\": \\"hunter2\\"}', "hunter2"),
        ("jupyter --NotebookApp.token=abc123def", "abc123def"),
        ("http://127.0.0.1:8888/?token=abc123def&x=1", "abc123def"),
        ("https://me:hunter2@git.example.org/x", "hunter2"),
        ("Authorization: Bearer abc.def.ghi", "abc.def.ghi"),
        (f"AWS_SECRET_ACCESS_KEY={AWS_KEY}", AWS_KEY),
        (f"the key is {AWS_KEY} indeed", AWS_KEY),
        ('"SecretAccessKey": "short"', "short"),
        ("x IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQ y", "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQ"),
        (KEY, "b3BlbnNzaC1rZXktdjEAAAAA"),
        (KEY.replace("\n", "\\n"), "b3BlbnNzaC1rZXktdjEAAAAA"),
    ],
)
def test_shapes_of_secrets_are_masked(text, secret):
    assert secret in text
    assert secret not in Scrubber()(text)
    assert "***" in Scrubber()(text)


@pytest.mark.parametrize(
    "text",
    [
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "ExpiredToken: The security token included in the request is expired",
        "Creating temporary keypair: packer_6b035709-55c6-1dac-6385-3c6746a0adf5",
        "/home/researcher/projects/climate/Models/run7",
        "https://github.com/hashicorp/packer",
        "TASK [users : Set the password policy] ***",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_is_no_secret_is_kept(text):
    assert Scrubber()(text) == text


def test_a_private_key_is_followed_over_lines():
    scrub = Scrubber().lines()
    told = [scrub(line) for line in ["before", *KEY.splitlines(), "after x0"]]
    assert told[0] == "before"
    assert told[-1] == "after x0"
    assert not any(part in "\n".join(told) for part in KEY.splitlines()[1:-1])


def test_a_key_that_never_ends_does_not_mask_for_ever():
    scrub = Scrubber().lines()
    scrub("-----BEGIN PRIVATE KEY-----")
    for _ in range(300):
        scrub("x")
    assert scrub("word") == "word"


def test_long_lines_take_no_time_worth_noticing():
    # A pattern that backtracked would hold the whole suite up until its timeout.
    text = "a_password " * 20_000 + "=" * 20_000 + "A" * 200_000 + "://" * 20_000 + "authorization " * 20_000
    assert len(Scrubber(["needle"])(text)) > 100_000
