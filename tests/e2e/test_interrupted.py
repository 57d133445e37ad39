"""Somebody stops a bake: it ends, and nothing of it stays."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.going import layer, seen, task

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

IN_THE_SCRIPT = task("Run the script")
SLEEPS = "sleep 600\n"


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(([], IN_THE_SCRIPT, [signal.SIGINT]), id="ctrl-c in a layer"),
        pytest.param(([], IN_THE_SCRIPT, [signal.SIGINT, signal.SIGINT]), id="ctrl-c twice"),
        pytest.param(([], seen("instance"), [signal.SIGTERM]), id="terminated while the machine boots"),
        pytest.param(([], seen("key_pair"), [signal.SIGINT]), id="ctrl-c before Packer"),
        # What is kept for a look is what failed, not what somebody stopped.
        pytest.param((["--on-failure", "keep"], layer("base"), [signal.SIGINT]), id="ctrl-c and keep"),
    ],
)
def test_a_stopped_bake_leaves_nothing(box, lab, before, stop):
    options, moment, signals = stop
    lab.write("sleeps", packages={"system": ["stopped"]}, post_install=SLEEPS)
    going = box.start("bake", "sleeps", *options, libraries=lab.libraries)
    event = going.until(moment)
    for number in signals:
        going.signal(number)
    done = going.end()
    assert done.code == 130, done.out + done.stderr
    assert done.error["code"] == "interrupted"
    assert done.error["message"]
    assert done.stderr == ""
    assert box.resources() == before
    assert box.processes(event["run"]) == []
    assert box.cws("reap").json["found"] == []
