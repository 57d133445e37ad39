from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cws_build.model.gotemplate import Expansion, expand, names

VALUES = {"a": "b", "n": "5", "off": "false", "zero": "0", "none": "", "IDLE": "3", "v": "3.10"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x{{.a}}y{{a}}z{{ .a }}", "xbybzb"),
        ("*/{{IDLE}} * * * *", "*/3 * * * *"),
        ("python={{.v}}", "python=3.10"),
        ("{{.a}}}", "b}"),
        ('{{"{{.a}}"}}', "{{.a}}"),
        ("{{`raw`}}", "raw"),
        ('{{if eq .a "b"}}yes{{else}}no{{end}}', "yes"),
        ('{{if eq .a "x" "b"}}yes{{else}}no{{end}}', "yes"),
        ('{{if ne .a "b"}}yes{{else if eq .n "5"}}five{{else}}no{{end}}', "five"),
        ('{{if eq .a "x"}}1{{else if eq .a "y"}}2{{end}}', ""),
        ('{{if and (eq .a "b") (lt .n 10)}}yes{{end}}', "yes"),
        ('{{if or (eq .a "x") (gt .n 4)}}yes{{end}}', "yes"),
        ("{{if ge .n 5}}a{{end}}{{if le .n 4}}b{{end}}", "a"),
        ("{{if lt .v 3.2}}older{{end}}", "older"),
        ("{{if .off}}1{{end}}{{if .none}}2{{end}}{{if .zero}}3{{end}}{{if .a}}4{{end}}", "4"),
        ("{{if not .off}}yes{{end}}", "yes"),
        ('{{if eq .off false}}yes{{end}}{{if .a}}{{if eq .n "5"}}nested{{end}}{{end}}', "yesnested"),
        ("a {{- .a -}} c", "abc"),
        ('{{if eq .a "b" -}}\n  foo\n{{- end}}\nbar', "foo\nbar"),
        ("{{/* nobody reads this */}}k", "k"),
        ("a {{- /* trims */ -}} k", "ak"),
        ("{{/* }} */}}k{{ .a -}} l", "kbl"),
        ('{{print .a "-" .n}} {{printf "%03d|%5s|%q|%%" .n .a .a}} {{len .a}}', 'b-5 005|    b|"b"|% 1'),
    ],
)
def test_actions_that_templates_use(text, expected):
    assert expand(text, VALUES) == Expansion(expected)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("docker ps --format '{{.Names}}'", ("Names",)),
        ("docker inspect -f '{{json .State}} {{range .Mounts}}{{.a}}{{end}}' x", ("json .State",)),
        ("{{if .nobody}}x{{.a}}{{else}}y{{end}}", ("nobody",)),
        ("{{ x | default('y') }}", ("x | default('y')",)),
        ("a {{- .q -}} c", ("q",)),
        ("${{ github.ref }}", ("github.ref",)),
        ('{{printf "%d" .a}}', ('printf "%d" .a',)),
        ("{{.a.b}}", (".a.b",)),
        ("{{}}", ("",)),
    ],
)
def test_what_is_not_ours_stays_exactly_as_it_stands(text, unknown):
    found = expand(text, VALUES)
    assert found.text == text
    assert found.unknown == unknown
    assert not found.error


def test_the_same_text_may_hold_ours_and_others():
    found = expand("docker run {{.a}} --format '{{.Names}}' {{if .n}}-n {{.n}}{{end}}", VALUES)
    assert found.text == "docker run b --format '{{.Names}}' -n 5"
    assert found.unknown == ("Names",)


@pytest.mark.parametrize(
    ("text", "expected", "error"),
    [
        ("{{if .a}}x {{.a}} {{a}}", "{{if .a}}x b b", "'{{if .a}}' has no '{{end}}'"),
        ("{{end}}{{.a}}", "{{end}}b", "'{{end}}' has no 'if' above it"),
        ("one\n{{.a}} {{ open", "one\nb {{ open", "'{{' on line 2 is never closed"),
        ("{{if .a}}{{else while}}{{end}}", "{{if .a}}{{else while}}{{end}}", "'{{else while}}' is neither"),
        ("{{range .x}}", "{{range .x}}", "a block has no '{{end}}'"),
        ("{{if .a}}" * 5000, "{{if .a}}" * 5000, "its blocks are nested too deep"),
        ("{{" + "(" * 5000 + "}}", "{{" + "(" * 5000 + "}}", "its blocks are nested too deep"),
        ("{{ " + '"x" ' * 500, "{{ " + '"x" ' * 500, "'{{' on line 1 is never closed"),
    ],
)
def test_a_text_whose_blocks_do_not_fit_gets_plain_replacement_and_says_why(text, expected, error):
    found = expand(text, VALUES)
    assert found.text == expected
    assert found.error.startswith(error)


def test_values_are_never_expanded_again():
    assert expand("{{.a}}", {"a": "{{.b}}", "b": "x"}).text == "{{.b}}"


def test_names_are_those_that_actions_ask_for():
    assert names('{{if eq .a ".b"}}{{.c}}{{else if .d}}{{/* .e */}}{{end}} .f {{.a}}') == ("a", "c", "d")


@settings(deadline=None)
@given(st.text())
def test_a_text_without_actions_is_left_alone(text):
    plain = text.replace("{{", "{ {")
    assert expand(plain, VALUES).text == plain


PIECES = ["{{", "}}", "{{if .a}}", "{{else}}", "{{end}}", ".a", " ", "if", "-", "x", '"', "eq", "/*", "\n"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_text_makes_it_fail(text):
    found = expand(text, VALUES)
    assert found.error or found.unknown or "{{.a}}" not in found.text


@settings(deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_characters="{}")),
    st.text(),
    st.text(alphabet=st.characters(exclude_characters="{}")),
)
def test_a_value_appears_exactly_as_it_is(before, value, after):
    assert expand(f"{before}{{{{.x}}}}{after}", {"x": value}).text == before + value + after
