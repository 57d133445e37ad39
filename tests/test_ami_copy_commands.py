"""``ami copy``, ``ami create`` and ``ami create-multi`` as they are typed: results, exit codes, and what is said."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from cws_build.frontends import wording_images  # noqa: F401  teaches the console the words of these events
from cws_build.frontends.bars import bar
from cws_build.frontends.console import Console
from cws_build.model.events import Notice
from cws_build.model.image import DIGEST_TAG
from cws_build.model.image_events import CopyBegun, CopyEnded
from cws_build.model.launch_events import CopyProgress
from cws_build.sandbox.records import Fault
from tests.copying import FAR, HOME, NEAR, bake, clear, client, copies, running_machine
from tests.project import LIBRARY
from tests.sandbox.rig import running


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def box(state):
    with running(state / "sandbox") as found:
        yield found


@pytest.fixture
def ami(box, cws, state, monkeypatch):
    """Return a function that runs a command below ``ami`` in the sandbox."""
    monkeypatch.setenv("CWS_BUILD_STATE", str(state))
    yield lambda *words: cws("--sandbox", "ami", *words)
    clear(box)


@pytest.fixture
def master(box, ami):  # noqa: ARG001  what the test leaves is cleared by the command
    return bake(box, "cws/studio/1.0.0")


@pytest.fixture
def machine(box, ami):  # noqa: ARG001  as above
    with running_machine(box, bake(box, "the source"), {"cws:name": "mine", "cws:template": "python-ml"}) as ident:
        yield ident


def test_copy_as_a_person_types_it(ami, master):
    done = ami("copy", master, "--regions", f"{NEAR},{FAR}")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == master
    assert f"✅ {NEAR}" in done.out
    assert f"🌍 Copying {master} from {HOME} to {NEAR}, {FAR}" in done.err
    assert f"🔄 Copying to {FAR}... ✅ ami-" in done.err
    assert "✅ Multi-region AMI deployment complete: 3 regions" in done.err
    assert "\x1b" not in done.err


def test_copy_as_a_program_reads_it(ami, master, box):
    box.add_fault(Fault(call="CopyImage", region=FAR, fails="no"))
    done = ami("copy", master, "--regions", f"{NEAR},{FAR}", "--json")
    assert done.code == 5
    told = done.json
    assert (told["ami_id"], told["name"]) == (master, "cws/studio/1.0.0")
    assert {region: one["status"] for region, one in told["regions"].items()} == {
        HOME: "available",
        NEAR: "available",
        FAR: "failed",
    }
    assert (told["regions"][FAR]["ami_id"], "no" in told["regions"][FAR]["error"]) == (None, True)
    assert "error" not in told["regions"][NEAR]
    box.clear_faults()
    assert ami("copy", master, "--regions", f"{NEAR},{FAR}", "--json").code == 0


def test_a_dry_run_of_a_copy(ami, master, box):
    done = ami("copy", master, "--regions", f"{NEAR},{HOME}", "--dry-run", "--json")
    told = done.json
    assert (done.code, told["usd"], told["regions"][NEAR]["status"], told["regions"][HOME]["status"]) == (
        0,
        0.0,
        "copy",
        "there",
    )
    assert told["regions"][NEAR]["seconds"]["p50"] > 0
    assert copies(box, NEAR)[0] == []
    text = ami("copy", master, "--regions", NEAR, "--dry-run").out
    assert "1 copies, $0.00 for the transfer" in text


def test_a_caution_needs_a_yes(ami, box):
    used = bake(box, "used", region=FAR, tags={"cws:modified": "true", DIGEST_TAG: ""})
    words = ("--region", FAR, "copy", used, "--regions", NEAR, "--json")
    refused = ami(*words[2:], "--region", FAR)
    assert (refused.code, refused.json["error"]["code"]) == (4, "consent")
    assert "personal data" in refused.json["error"]["message"]
    assert ami(*words[2:], "--region", FAR, "--yes").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("copy", "ami-0123456789abcdef0", "--regions", NEAR), "there is no image ami-0123456789abcdef0"),
        (("copy", "my-image", "--regions", NEAR), "'my-image' is not the id of an image"),
        (("copy", "ami-0123456789abcdef0", "--regions", NEAR, "--kms-key", "mine"), "'mine' is not K=V"),
        (("create", "python-ml", "nobody", "--name", "abc"), "no machine is called nobody"),
        (("create", "python-ml", "nobody", "--name", "a:b"), "cannot be the name of an image"),
        (("create-multi", "python-ml", "nobody", "--regions", "mars-1"), "mars-1: no such region"),
    ],
)
def test_wrong_words_get_a_sentence(ami, words, said):
    done = ami(*words)
    assert (done.code in {2, 5}, said in done.err) == (True, True), done.err


def test_create_as_the_dialogue_has_it(ami, machine):
    done = ami("create", "python-ml", "mine", "--name", "Python ML v2.1.0")
    assert done.code == 0, done.err
    spoken = [line for line in done.err.splitlines() if line[:1] in "🔧📸🏗✅"]
    assert spoken[:2] == ["🔧 Creating AMI from instance: mine", "📸 Creating snapshot of root volume..."]
    assert spoken[2].startswith("🏗️  Building AMI: Python ML v2.1.0 (ami-")
    assert spoken[-1].startswith("✅ AMI created: ami-")
    told = ami("create", "python-ml", "mine", "--name", "Python ML v2.1.0", "--json").json
    assert (told["ami_id"], told["instance_id"], told["reused"]) == (done.out.splitlines()[0], machine, True)
    assert told["regions"][HOME]["status"] == "available"


def test_create_multi_with_one_that_fails_and_again(ami, machine, box):  # noqa: ARG001  the machine is there
    box.add_fault(Fault(call="CopyImage", region=FAR, error="UnauthorizedOperation"))
    words = ("create-multi", "python-ml", "mine", "--regions", f"{HOME},{NEAR},{FAR}", "--json")
    done = ami(*words)
    assert (done.code, {region: one["status"] for region, one in done.json["regions"].items()}) == (
        5,
        {HOME: "available", NEAR: "available", FAR: "failed"},
    )
    assert "from mine" in done.json["name"]
    box.clear_faults()
    again = ami(*words)
    assert (again.code, again.json["ami_id"]) == (0, done.json["ami_id"])


def test_public_needs_a_yes_and_a_region_that_allows_it(ami, machine, box):
    words = ("create", "python-ml", "mine", "--name", "for everybody", "--public", "--json")
    asked = ami(*words)
    assert (asked.code, asked.json["error"]["details"]["about"]) == (4, "public")
    ec2 = client(box)
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    blocked = ami(*words, "--yes")
    said = "block public access is on for images in us-east-1"
    assert (blocked.code, said in blocked.json["error"]["message"]) == (5, True)
    assert "for everybody" not in {one["Name"] for one in copies(box, HOME)[0]}
    ec2.disable_image_block_public_access()
    done = ami(*words, "--yes")
    assert (done.code, done.json["instance_id"]) == (0, machine)
    (found,) = ec2.describe_images(ImageIds=[done.json["ami_id"]])["Images"]
    assert found["Public"]
    assert ami(*words, "--yes", "--no-wait").code == 2


def test_a_baked_image_goes_to_all_its_regions(cws, ami, box, master):  # noqa: ARG001  ami leads to the sandbox
    words = ("--sandbox", "--library", LIBRARY, "bake", "studio", "--json")
    box.add_fault(Fault(call="CopyImage", region=FAR, fails="no"))
    done = cws(*words, "--regions", f"{HOME},{NEAR},{FAR}")
    assert (done.code, done.json["ami_id"], done.json["reused"]) == (5, master, True)
    assert {region: one["status"] for region, one in done.json["regions"].items()} == {
        HOME: "available",
        NEAR: "available",
        FAR: "failed",
    }
    assert "no" in done.json["regions"][FAR]["error"]
    box.clear_faults()
    Path("cws-build.toml").write_text(f'[images]\nregions = ["{NEAR}", "{FAR}"]\n')
    again = cws(*words)
    assert (again.code, list(again.json["regions"])) == (0, [HOME, NEAR, FAR])
    planned = cws(*words, "--dry-run").json
    assert planned["copies"] == {"regions": [NEAR, FAR], "usd": 0.0, "upper_bound": True}
    assert cws(*words, "--regions", "mars-1").code == 2


# --- lines that change


class Terminal(io.StringIO):
    """A terminal that draws what it is told, as far as bars need it."""

    def isatty(self):
        return True

    def fileno(self):
        raise OSError

    @property
    def screen(self):
        lines = [""]
        row = 0
        text = self.getvalue()
        while text:
            if text.startswith("\x1b[1A"):
                row, text = row - 1, text[4:]
            elif text.startswith("\r\x1b[2K"):
                lines[row], text = "", text[5:]
            elif text.startswith("\x1b["):
                text = text[text.index("m") + 1 :]
            elif text.startswith("\n"):
                row, text = row + 1, text[1:]
                lines += [""] * (row + 1 - len(lines))
            else:
                lines[row], text = lines[row] + text[0], text[1:]
        return [line for line in lines if line]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def test_bars_change_in_their_place_and_end_as_lines(terminal):
    console = Console(terminal)
    for region, ident in ((NEAR, "ami-1"), (FAR, "ami-2")):
        console(CopyBegun(image=ident, region=region, source_region=HOME))
    console(CopyProgress(image="ami-1", region=NEAR, percent=50, seconds=61))
    assert [line.split()[0] for line in terminal.screen] == [NEAR, FAR]
    assert terminal.screen[0] == f"{NEAR:16} ██████████░░░░░░░░░░  50 %  ami-1 1m01s"
    console(Notice(message="something else"))
    assert [line.split()[0] for line in terminal.screen] == ["‣", NEAR, FAR]
    console(CopyEnded(image="ami-1", region=NEAR, seconds=70))
    assert terminal.screen[1:] == [f"🔄 Copying to {NEAR}... ✅ ami-1 (1m10s)", terminal.screen[-1]]
    assert terminal.screen[-1].startswith(FAR)
    console.close()
    assert [line.split()[0] for line in terminal.screen] == ["‣", "🔄"]


def test_a_bar_says_what_is_known():
    assert bar(None) == "░" * 20 + "    ?"
    assert bar(100) == "█" * 20 + " 100 %"
