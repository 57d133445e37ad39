"""Services asked from within a machine: the scripts that are run there are run here, on servers of this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import subprocess
import threading

import pytest

from cws_build.actions.await_within import Reached, await_within
from cws_build.drivers.process import minimal_environment
from cws_build.errors import ProvisionFailed
from cws_build.model.events import Notice
from cws_build.model.settings import LaunchSettings
from cws_build.ports.machines import Login, MachineState, Said
from tests.launching import run_info
from tests.project import LIBRARY, context

OWN, LOOPBACK = "127.0.0.2", "127.0.0.1"
WITHOUT_PYTHON = "command() { return 1; }; "


class Here:
    """Runs what a machine would be told to run."""

    def __init__(self, before):
        self._before = before

    def run(self, _host, _login, script, _cancel):
        words = ["bash", "-c", self._before + script]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=minimal_environment())
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def output_of(self, _host, _login, command):
        return " ".join(command)


@pytest.fixture(params=["", WITHOUT_PYTHON], ids=["python", "bash"])
def ask(request, tmp_path, home):  # noqa: ARG001  runs are kept in the home
    """Return a function that waits for services, and tells their states and what was warned about."""

    class NoCloud:
        name = "aws"

        def machines(self, _region):
            return self

        def describe(self, _ids):
            return []

    def wait(**services):
        told = []
        ctx = context(LIBRARY, launch=LaunchSettings(ready_minutes=0.02))
        ctx = dataclasses.replace(ctx, emit=told.append, probe=Here(request.param), account=NoCloud)
        machine = MachineState(
            id="i-1", region="r", state="running", instance_type="t", image="a", address=OWN, private_address=OWN
        )
        reached = Reached(machine=machine, login=Login(user="ada", known_hosts=tmp_path / "known"))
        with ctx.runs.begin(run_info()) as run:
            states = await_within(ctx, reached, run, list(services.items()))
        return [state.ready for state in states], [event.message for event in told if isinstance(event, Notice)]

    return wait


@contextlib.contextmanager
def web(address):
    """Answer HTTP on an address; yield the port."""
    with socket.create_server((address, 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(1000)
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_service_that_others_reach(ask):
    with web(OWN) as port:
        assert ask(jupyter=port) == ([True], [])


def test_a_service_on_the_loopback_counts_and_is_told(ask):
    with web(OWN) as port, web(LOOPBACK) as hidden:
        ready, told = ask(jupyter=port, db=hidden)
    assert ready == [True, True]
    assert told == ["db answers on 127.0.0.1 alone: a launch cannot see it from outside"]


def test_a_service_that_never_answers(ask):
    with socket.create_server((OWN, 0)) as closed:
        port = closed.getsockname()[1]
    with web(OWN) as there, pytest.raises(ProvisionFailed) as caught:
        ask(jupyter=there, db=port)
    assert f"the service db of i-1 does not answer on port {port}" in caught.value.message
    details = caught.value.details
    assert (details["service"], [one["ready"] for one in details["services"]]) == ("db", [True, False])
    assert "journalctl" in details["output"]


def test_nothing_to_wait_for(ask):
    assert ask() == ([], [])
