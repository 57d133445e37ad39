"""The dialogue of a launch, and its preview, as people read them."""

from __future__ import annotations

import io
import os
import threading

import pytest

from cws_build.errors import Interrupted
from cws_build.frontends.confirm import confirm
from cws_build.frontends.console import Console
from cws_build.frontends.preview import preview
from cws_build.frontends.wording_launch import age, factor, money, short, speed_up
from cws_build.model import launch_events as events
from cws_build.model.estimate import Estimate
from tests.launchpad import FAR, HOME, Pad

QUICK, SLOW = Estimate(28.0, 40.0, "measured", 14), Estimate(340.0, 500.0, "prior", 0)


def shown(*wanted):
    stream = io.StringIO()
    console = Console(stream)
    for event in wanted:
        console(event)
    return stream.getvalue()


@pytest.fixture
def pad(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    return Pad(tmp_path / "state")


def test_a_launch_of_an_image():
    found = events.ImageFound(
        ami_id="ami-1",
        region="us-east-1",
        layers=9,
        total_layers=9,
        created="2020-01-01T00:00:00+00:00",
        baked=True,
        local=True,
    )
    said = shown(
        events.ResolutionStarted(template="python-ml"),
        found,
        events.LaunchCompared(estimate=QUICK, script=SLOW),
        events.LaunchStarted(way="ami", layers=()),
    )
    lines = said.splitlines()
    assert lines[0] == "🔍 Resolving AMI for template: python-ml"
    assert lines[1].startswith("✅ Found optimized AMI: ami-1 (us-east-1, 9 of 9 layers, baked ")
    assert lines[2] == "📈 Performance: 12x faster launch (28s vs 5m40s, 14 launches here)"
    assert lines[3] == "🚀 Launching with pre-built environment..."


def test_an_image_of_another_region():
    offered = events.CopyOffered(
        gb=8.0, usd=0.72, seconds=Estimate(420.0, 900.0, "prior", 0), copy_first=QUICK, script=SLOW, copy_better=False
    )
    said = shown(
        events.ResolutionStarted(template="python-ml", region=FAR),
        events.NoImageFound(region=FAR, looked_further=True),
        offered,
    )
    assert said.splitlines() == [
        f"🔍 Resolving AMI in {FAR}...",
        f"❌ No AMI in {FAR}",
        "🔄 Searched fallback regions",
        "📋 Cross-region copy required (7m00s + $0.72, 8.0 GB; prior, none measured here yet)",
        "   better  launch by script now: about 5m40s, and copy in the background for the next launch",
        "   or      copy, then launch: about 28s",
    ]


def test_a_script_although_an_image_is_there():
    said = shown(
        events.ScriptRequested(estimate=SLOW, instead_of="ami-1", image_estimate=QUICK),
        events.ImageTaken(ami_id="ami-1"),
    )
    assert said == (
        "⚠️  Script provisioning requested (5m40s estimated)\n🔍 AMI available: ami-1 (28s)\n✅ Using AMI: ami-1\n"
    )


def test_another_way_is_said():
    said = shown(events.FellBack(reason="it does not boot", way="script"))
    assert said == "⚠️  it does not boot\n🔄 Falling back to script provisioning\n"


def test_numbers():
    assert [short(seconds) for seconds in (28.4, 59.6, 340, 3900)] == ["28s", "1m00s", "5m40s", "1h05m"]
    assert [factor(ratio) for ratio in (1.0, 4.2, 12.4)] == ["1.0x", "4.2x", "12x"]
    assert [money(usd) for usd in (None, 0.0, 0.0038, 0.72)] == ["an unknown sum", "$0.00", "$0.0038", "$0.72"]
    assert speed_up(SLOW, QUICK).startswith("12x slower launch (5m40s vs 28s, prior")
    assert age("2020-01-01T00:00:00+00:00").endswith(" days ago")


def test_the_preview_of_an_image(pad):
    pad.bake()
    text = preview(pad.plan())
    assert text.startswith("🔍 AMI Resolution Preview:\n\nStrategy: ami_preferred (fallback cross_region)\n")
    assert f"Primary: ami-baked ({HOME}) ✅\n" in text
    assert "  2. Dynamic search ✅: ami-baked" in text
    assert "  3. Marketplace (not needed)\n" in text
    assert "Estimated Launch Time: " in text
    assert "Cost Comparison (list prices of 2026-10-15, " in text


def test_the_preview_of_a_copy_and_of_nothing(pad):
    pad.bake(region=HOME)
    text = preview(pad.plan(region=FAR, copy=True))
    assert "  Copy, then AMI Launch: $" in text
    assert f"transfer from {HOME}" in text
    assert "Agree to: Launch by script" in preview(pad.plan(region=FAR))
    assert "Primary: none: an image is required" in preview(pad.plan("quarry", strategy="ami_required"))


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y", True), ("Yes", True), ("", False), ("n", False), ("yep", False), (None, False)]
)
def test_only_a_yes_is_a_yes(answer, agreed, capsys):
    theirs, ours = os.pipe()
    with os.fdopen(theirs) as stream:
        if answer is not None:
            os.write(ours, f"{answer}\n".encode())
        os.close(ours)
        assert confirm("Go on?", threading.Event(), stream) is agreed
    assert capsys.readouterr().err == "Go on? [y/N]: "


def test_an_interrupt_is_an_answer_too():
    theirs, ours = os.pipe()
    cancel = threading.Event()
    cancel.set()
    with os.fdopen(theirs) as stream, os.fdopen(ours, "w"), pytest.raises(Interrupted):
        confirm("Go on?", cancel, stream)
