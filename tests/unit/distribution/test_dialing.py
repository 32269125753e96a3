from __future__ import annotations

import socket
import threading
import time

import pytest

from baleen.distribution import dialing
from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.dialing import DialError, dial, lookup

V4 = socket.AF_INET


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def black_hole():
    """A port whose backlog is full: the kernel drops what comes, as a bad route does."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def resolving(monkeypatch, *addresses):
    infos = [
        (socket.AF_INET6 if ":" in host else V4, socket.SOCK_STREAM, 6, "", (host, port))
        for host, port in addresses
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)


def test_a_connection_is_made(listener):
    with dial("127.0.0.1", listener, 10, Cancellation()) as sock:
        assert sock.getpeername() == ("127.0.0.1", listener)


def test_a_refusal_says_who_refused(listener):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert port != listener
    words = rf"dial tcp 127\.0\.0\.1:{port}: connect: connection refused"
    with pytest.raises(DialError, match=words):
        dial("127.0.0.1", port, 10, Cancellation())


def test_an_address_that_swallows_packets_costs_a_quarter_of_a_second(
    monkeypatch, listener, black_hole
):
    resolving(monkeypatch, ("127.0.0.1", black_hole), ("127.0.0.1", listener))
    begun = time.monotonic()
    with dial("two.example", 0, 30, Cancellation()) as sock:
        assert sock.getpeername()[1] == listener
    assert 0.2 < time.monotonic() - begun < 1


def test_an_address_that_refuses_costs_nothing(monkeypatch, listener):
    resolving(monkeypatch, ("127.0.0.1", 1), ("127.0.0.1", listener))
    begun = time.monotonic()
    dial("two.example", 0, 30, Cancellation()).close()
    assert time.monotonic() - begun < 0.2


def test_nobody_answering_ends_in_time(black_hole):
    with pytest.raises(DialError, match="i/o timeout"):
        dial("127.0.0.1", black_hole, 0.05, Cancellation())


def test_a_cancellation_ends_the_wait_for_a_connection(black_hole):
    cancel = Cancellation()
    threading.Timer(0.05, cancel.cancel).start()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        dial("127.0.0.1", black_hole, 30, cancel)
    assert time.monotonic() - begun < 10


def test_a_cancellation_ends_the_wait_for_a_name(monkeypatch):
    asked, answer = threading.Event(), threading.Event()

    def hangs(*_, **__):
        asked.set()
        answer.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    cancel = Cancellation()

    def when_asked():
        asked.wait(20)
        cancel.cancel()

    threading.Thread(target=when_asked, daemon=True).start()
    with pytest.raises(Cancelled):
        lookup("slow.example", 443, 30, cancel)
    with pytest.raises(DialError, match=r"lookup slow\.example: i/o timeout"):
        lookup("slow.example", 443, 0.01, Cancellation())
    answer.set()


@pytest.mark.parametrize(
    ("code", "words"),
    [(socket.EAI_NONAME, "no such host"), (socket.EAI_AGAIN, "server misbehaving")],
)
def test_a_name_that_does_not_resolve_says_so(monkeypatch, code, words):
    def fails(*_, **__):
        raise socket.gaierror(code, "x")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(DialError, match=rf"dial tcp: lookup nowhere\.example: {words}"):
        dial("nowhere.example", 443, 10, Cancellation())


def test_families_take_turns():
    v4 = [(V4, (f"10.0.0.{n}", 1)) for n in range(3)]
    v6 = [(socket.AF_INET6, (f"fd00::{n}", 1, 0, 0)) for n in range(2)]
    mixed = dialing._by_turns([*v6, *v4, v6[0]])
    assert mixed == [v6[0], v4[0], v6[1], v4[1], v4[2]]


def test_addresses_that_are_not_permitted_are_not_tried(listener):
    with pytest.raises(DialError, match="not permitted"):
        dial("127.0.0.1", listener, 10, Cancellation(), permitted=lambda _: False)
