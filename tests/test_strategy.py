"""The decision, as one truth table: every situation stands in exactly one row."""

from __future__ import annotations

import itertools

import pytest

from cws_build.errors import InputError
from cws_build.model.strategy import Situation, decide

VALUES = {
    "strategy": ("preferred", "required", "fallback"),
    "fallback": ("script", "error", "cross"),
    "found": ("none", "part", "full"),
    "elsewhere": ("no", "yes"),
    "base": ("no", "yes"),
    "prefer": ("no", "yes"),
    "copy": ("None", "yes", "no"),
    "hybrid": ("slow", "quick"),
    "better": ("script", "copy"),
    "earns": ("no", "yes"),
}
SITUATIONS = list(itertools.product(*VALUES.values()))

# A cell holds one value, several joined by |, or * for all. Behind the arrow: the way, what must be agreed to,
# whether a copy is made in the background (aside), and what is done when the way fails; - for nothing.
TABLE = """
strategy  fallback      found     elsewhere base prefer copy    hybrid better earns -> way        consent aside fallback

*         *             *         *         *    yes    yes     *      *      *     -> InputError -       -     -

required  *             *         *         *    yes    None|no *      *      *     -> InputError -       -     -
required  *             full      *         *    no     *       *      *      *     -> ami        -       -     -
required  script|error  none|part *         *    no     *       *      *      *     -> failed     -       -     -
required  cross         none|part no        *    no     *       *      *      *     -> failed     -       -     -
required  cross         none|part yes       *    no     None    *      *      *     -> copy       copy    -     -
required  cross         none|part yes       *    no     yes     *      *      *     -> copy       -       -     -
required  cross         none|part yes       *    no     no      *      *      *     -> failed     -       -     -

preferred script|cross  full      *         yes  no     *       *      *      *     -> ami        -       -     script
preferred error         full      *         yes  no     *       *      *      *     -> ami        -       -     -
preferred *             full      *         no   no     *       *      *      *     -> ami        -       -     -
preferred *             full      *         no   yes    None|no *      *      *     -> ami        -       -     -
preferred *             full      *         yes  yes    None|no *      *      *     -> script     script  -     -

preferred script|cross  part      *         yes  no     *       quick  *      *     -> hybrid     -       -     script
preferred error         part      *         yes  no     *       quick  *      *     -> hybrid     -       -     -
preferred *             part      *         yes  no     *       slow   *      *     -> script     -       -     -
preferred *             part      *         no   no     *       *      *      *     -> hybrid     -       -     -
preferred *             part      *         no   yes    None|no *      *      *     -> hybrid     -       -     -
preferred *             part      *         yes  yes    None|no quick  *      *     -> script     script  -     -
preferred *             part      *         yes  yes    None|no slow   *      *     -> script     -       -     -

preferred *             none      *         yes  yes    None|no *      *      *     -> script     -       -     -
preferred error         none      *         *    no     *       *      *      *     -> failed     -       -     -
preferred error         none      *         no   yes    None|no *      *      *     -> failed     -       -     -
preferred script        none      *         yes  no     *       *      *      *     -> script     -       -     -
preferred script        none      *         no   no     *       *      *      *     -> failed     -       -     -
preferred script        none      *         no   yes    None|no *      *      *     -> failed     -       -     -
preferred cross         none      no        yes  no     *       *      *      *     -> script     -       -     -
preferred cross         none      no        no   no     *       *      *      *     -> failed     -       -     -
preferred cross         none      no        no   yes    None|no *      *      *     -> failed     -       -     -
preferred cross         none      yes       yes  no     None    *      script yes   -> script     copy    yes   -
preferred cross         none      yes       yes  no     None    *      script no    -> script     -       -     -
preferred cross         none      yes       yes  no     None    *      copy   *     -> copy       copy    -     script
preferred cross         none      yes       yes  no     yes     *      *      *     -> copy       -       -     script
preferred cross         none      yes       yes  no     no      *      *      *     -> script     -       -     -
preferred cross         none      yes       no   no     None    *      *      *     -> copy       copy    -     -
preferred cross         none      yes       no   no     yes     *      *      *     -> copy       -       -     -
preferred cross         none      yes       no   no     no      *      *      *     -> failed     -       -     -
preferred cross         none      yes       no   yes    None    *      *      *     -> copy       copy    -     -
preferred cross         none      yes       no   yes    no      *      *      *     -> failed     -       -     -

fallback  *             full      *         yes  no     *       *      *      *     -> script     -       -     ami
fallback  *             full      *         yes  yes    None|no *      *      *     -> script     -       -     ami
fallback  *             part      *         yes  no     *       *      *      *     -> script     -       -     hybrid
fallback  *             part      *         yes  yes    None|no *      *      *     -> script     -       -     hybrid
fallback  *             none      *         yes  no     *       *      *      *     -> script     -       -     -
fallback  *             none      *         yes  yes    None|no *      *      *     -> script     -       -     -
fallback  *             full      *         no   no     *       *      *      *     -> ami        -       -     -
fallback  *             full      *         no   yes    None|no *      *      *     -> ami        -       -     -
fallback  *             part      *         no   no     *       *      *      *     -> hybrid     -       -     -
fallback  *             part      *         no   yes    None|no *      *      *     -> hybrid     -       -     -
fallback  script|error  none      *         no   no     *       *      *      *     -> failed     -       -     -
fallback  script|error  none      *         no   yes    None|no *      *      *     -> failed     -       -     -
fallback  cross         none      no        no   no     *       *      *      *     -> failed     -       -     -
fallback  cross         none      no        no   yes    None|no *      *      *     -> failed     -       -     -
fallback  cross         none      yes       no   no     None    *      *      *     -> copy       copy    -     -
fallback  cross         none      yes       no   no     yes     *      *      *     -> copy       -       -     -
fallback  cross         none      yes       no   no     no      *      *      *     -> failed     -       -     -
fallback  cross         none      yes       no   yes    None    *      *      *     -> copy       copy    -     -
fallback  cross         none      yes       no   yes    no      *      *      *     -> failed     -       -     -
"""
WORDS = {
    "preferred": "ami_preferred",
    "required": "ami_required",
    "fallback": "ami_fallback",
    "script": "script_provisioning",
    "cross": "cross_region",
    "part": "partial",
}


def rows():
    head, *lines = (line for line in TABLE.splitlines() if line.strip())
    assert head.split()[: len(VALUES)] == list(VALUES)
    for line in lines:
        when, then = (part.split() for part in line.split("->"))
        cells = [
            VALUES[name] if cell == "*" else tuple(cell.split("|")) for name, cell in zip(VALUES, when, strict=True)
        ]
        assert all(set(cell) <= set(VALUES[name]) for name, cell in zip(VALUES, cells, strict=True)), line
        yield cells, tuple(then)


ROWS = list(rows())


def expected(values):
    """Return what the table says of a situation; one row must, and one alone."""
    found = [then for cells, then in ROWS if all(value in cell for value, cell in zip(values, cells, strict=True))]
    assert len(found) == 1, f"{values} stands in {len(found)} rows"
    return found[0]


def situation(values):
    named = dict(zip(VALUES, values, strict=True))
    return Situation(
        strategy=WORDS[named["strategy"]],
        fallback=WORDS.get(named["fallback"], named["fallback"]),
        found=WORDS.get(named["found"], named["found"]),
        elsewhere=named["elsewhere"] == "yes",
        base=named["base"] == "yes",
        prefer_script=named["prefer"] == "yes",
        copy={"None": None, "yes": True, "no": False}[named["copy"]],
        hybrid_quicker=named["hybrid"] == "quick",
        copy_better=named["better"] == "copy",
        copy_earns=named["earns"] == "yes",
    )


def outcome(values):
    try:
        decision = decide(situation(values))
    except InputError:
        return ("InputError", "-", "-", "-")
    assert decision.reason
    agreed, background = "+".join(decision.consents) or "-", "yes" if decision.background_copy else "-"
    return (decision.way, agreed, background, decision.fallback or "-")


def test_the_table_is_the_decision_and_complete():
    assert [values for values in SITUATIONS if outcome(values) != expected(values)] == []


@pytest.mark.parametrize("row", range(len(ROWS)))
def test_every_row_says_something_of_its_own(row):
    cells, then = ROWS[row]
    covered = list(itertools.product(*cells))
    assert {outcome(values) for values in covered} == {then}


def test_agreeing_or_refusing_beforehand_leaves_nothing_to_ask_for():
    for values in SITUATIONS:
        named = dict(zip(VALUES, values, strict=True))
        if named["copy"] != "None" and named["prefer"] == "no":
            assert outcome(values)[1] == "-"


def test_a_script_is_never_the_way_where_an_image_is_required():
    ways = {outcome(values)[0] for values in SITUATIONS if values[0] == "required"}
    assert ways == {"ami", "copy", "failed", "InputError"}
