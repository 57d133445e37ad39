"""Whether a machine answers, asked of small servers on the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from cws_build.drivers.probe import NetProbe
from cws_build.drivers.ssh import make_key
from cws_build.ports.machines import Login

HERE = "127.0.0.1"


@contextlib.contextmanager
def server(serve):
    """Serve one connection after the other; return the port."""
    with socket.create_server((HERE, 0)) as listening:

        def work():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        serve(connection)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def web(connection):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")


def silent(connection):
    """Take what comes and say nothing, as a database does that waits for its own protocol."""
    while connection.recv(1000):
        pass


def hangs_up(connection):
    """Accept for somebody who is not there, as port forwarding does."""
    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("serve", "answers"), [(web, True), (silent, True), (hangs_up, False)])
def test_ports(serve, answers):
    with server(serve) as port:
        assert NetProbe().port(HERE, port) is answers


def test_a_closed_port():
    with socket.create_server((HERE, 0)) as listening:
        port = listening.getsockname()[1]
    assert not NetProbe().port(HERE, port)


def test_a_host_that_is_none():
    assert not NetProbe().ssh("no-such-host.invalid")
    assert not NetProbe().port("no-such-host.invalid", 80)


def test_no_ssh_here():
    # An address of the loopback network on which nothing listens.
    assert not NetProbe().ssh("127.99.98.97")


def test_a_command_on_a_machine_that_is_not_there(tmp_path):
    make_key(tmp_path / "a key", "test")
    login = Login(user="ada", key_file=tmp_path / "a key", known_hosts=tmp_path / "known hosts %h")
    said = NetProbe().output_of("127.99.98.97", login, ["true"])
    assert "127.99.98.97" in said


def test_a_script_on_a_machine_that_is_not_there(tmp_path):
    login = Login(user="ada", known_hosts=tmp_path / "known")
    said = NetProbe().run("127.99.98.97", login, "echo hello", threading.Event())
    assert (said.code, said.out, said.ended) == (255, "", False)
    assert "127.99.98.97" in said.err


def test_a_script_that_is_stopped(tmp_path):
    """Nothing greets on the other side, so that SSH would wait."""
    stop = threading.Event()
    stop.set()
    said = NetProbe().run("127.99.98.97", Login(user="ada", known_hosts=tmp_path / "known"), "true", stop)
    assert (said.code != 0, said.out) == (True, "")
