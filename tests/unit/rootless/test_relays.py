"""Bytes and datagrams get through a relay whole, and ends of one side reach the other."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

import pytest

from baleen.rootless.relays import TcpRelay, UdpRelay
from baleen.runtime.poller import Poller


class Running:
    """A poller in a thread; calls are made there."""

    def __init__(self):
        self.poller = Poller()
        self._wake, self._told = socket.socketpair()
        self.poller.add(self._wake.fileno(), 1, lambda _events: self.poller.stop())
        self._thread = threading.Thread(target=self.poller.run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._told.send(b".")
        self._thread.join(10)
        self._wake.close()
        self._told.close()


@pytest.fixture
def running():
    one = Running()
    yield one
    one.poller.close()


@pytest.fixture
def relayed(running):
    """(address of the relay, listening server behind it)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        relay = TcpRelay(running.poller, listener, server.getsockname())
        running.start()
        yield address, server
        running.stop()
        relay.close()


def connected(relayed):
    address, server = relayed
    client = socket.create_connection(address, 10)
    served, _ = server.accept()
    served.settimeout(10)
    return client, served


def read_all(sock):
    data = b""
    while chunk := sock.recv(1 << 16):
        data += chunk
    return data


def test_half_close_ends_one_direction_only(relayed):
    client, served = connected(relayed)
    with client, served:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert read_all(served) == b"question"
        served.sendall(b"answer")
        served.close()
        assert read_all(client) == b"answer"


@pytest.mark.parametrize("towards_client", [True, False])
def test_many_bytes_arrive_whole_whatever_the_pace(relayed, towards_client):
    client, served = connected(relayed)
    data = os.urandom(1 << 20) * 24
    with client, served:
        source, sink = (served, client) if towards_client else (client, served)

        def send():
            source.sendall(data)
            source.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert read_all(sink) == data
        sender.join()


def test_a_reset_of_one_side_reaches_the_other(relayed):
    client, served = connected(relayed)
    with client:
        served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        served.close()
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            return


def test_a_client_of_a_dead_target_sees_its_connection_end(running):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        target = gone.getsockname()
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    relay = TcpRelay(running.poller, listener, target)
    running.start()
    with (
        socket.create_connection(address, 10) as client,
        contextlib.suppress(ConnectionResetError),
    ):
        assert client.recv(1) == b""
    running.stop()
    relay.close()


def test_closing_a_relay_ends_its_connections_and_closes_every_descriptor(relayed):
    before = len(os.listdir("/proc/self/fd"))
    client, served = connected(relayed)
    client.sendall(b"x")
    assert served.recv(1) == b"x"
    served.close()
    assert client.recv(1) == b""
    client.close()
    client, served = connected(relayed)  # the relay has seen the end of the first by now
    client.close()
    assert served.recv(1) == b""
    served.close()
    client, served = connected(relayed)
    client.close()
    served.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 6


def test_datagrams_of_each_sender_get_their_own_answers(running):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        address = listener.getsockname()
        relay = UdpRelay(running.poller, listener, server.getsockname())
        running.start()
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        for number, client in enumerate(clients):
            client.settimeout(10)
            client.sendto(b"%d" % number, address)
        seen = {}
        for _ in clients:
            data, sender = server.recvfrom(100)
            seen[sender] = data
            server.sendto(b"for " + data, sender)
        assert sorted(seen.values()) == [b"0", b"1", b"2"]
        for number, client in enumerate(clients):
            data, sender = client.recvfrom(100)
            assert (data, sender) == (b"for %d" % number, address)
            client.close()
        running.stop()
        relay.close()
