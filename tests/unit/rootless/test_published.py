"""A published port lives as long as its lease."""

from __future__ import annotations

import errno
import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import Unavailable
from baleen.rootless.inside import listen_at
from baleen.rootless.outside import bind_outside
from baleen.rootless.port_client import PortClient
from baleen.rootless.published import PublishedPorts, parse_wanted
from baleen.runtime.poller import Poller

REQUEST = {"protocol": "tcp", "host": ["127.0.0.1", 80], "target": ["10.0.0.1", 80]}


@pytest.fixture
def path(tmp_path):
    """The socket of a running holder, without its namespaces."""
    poller = Poller()
    listener = listen_at(tmp_path / "ports.sock")
    PublishedPorts(poller, listener, lambda wanted: bind_outside(*wanted))
    wake, told = socket.socketpair()
    poller.add(wake.fileno(), 1, lambda _events: poller.stop())
    thread = threading.Thread(target=poller.run, daemon=True)
    thread.start()
    yield tmp_path / "ports.sock"
    told.send(b".")
    thread.join(10)
    for one in (wake, told, listener, poller):
        one.close()


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as one:
        one.settimeout(10)
        yield one


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()


def answers(address):
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_port_is_there_as_long_as_the_last_copy_of_its_lease(path, server):
    address = free_port()
    lease = PortClient(path).publish("tcp", address, server.getsockname())
    assert answers(address)
    copy = lease.dup()
    lease.close()
    assert answers(address)
    copy.close()
    # The next request is served after the end of the lease is seen.
    other = PortClient(path).publish("tcp", address, server.getsockname())
    other.close()
    with pytest.raises(FileNotFoundError):
        PortClient(path).move("tcp", address, server.getsockname())
    assert not answers(address)


def test_a_taken_port_is_refused_with_the_hosts_errno(path, server):
    with pytest.raises(OSError) as caught:  # noqa: PT011
        PortClient(path).publish("tcp", server.getsockname(), ("127.0.0.1", 9))
    assert caught.value.errno == errno.EADDRINUSE


def test_a_moved_port_leads_new_connections_elsewhere(path, server):
    address = free_port()
    with (
        socket.create_server(("127.0.0.1", 0)) as second,
        PortClient(path).publish("tcp", address, server.getsockname()),
    ):
        second.settimeout(10)
        PortClient(path).move("tcp", address, second.getsockname())
        with socket.create_connection(address, 5):
            second.accept()[0].close()


@pytest.mark.parametrize(
    "request_",
    [b"", b"{", b"[]", b"[" * 4000, b'{"op":"publish"}', b'{"op":"evil"}',
     json.dumps({**REQUEST, "op": "evil"}).encode()],
)  # fmt: skip
def test_nonsense_is_refused_and_serves_go_on(path, server, request_):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(10)
        client.connect(str(path))
        if request_:
            client.send(request_)
            assert json.loads(client.recv(4096))["errno"] == errno.EINVAL
    address = free_port()
    with PortClient(path).publish("tcp", address, server.getsockname()):
        assert answers(address)


def test_without_a_holder_it_is_said_so(tmp_path):
    with pytest.raises(Unavailable, match="cannot be reached"):
        PortClient(tmp_path / "no.sock").publish("tcp", ("127.0.0.1", 80), ("10.0.0.1", 80))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["op", "host", "target"]), json_values))
def test_only_addresses_get_through(document):
    with pytest.raises(ValueError, match=r"protocol|address"):
        parse_wanted(document)


def test_an_address_is_four_numbers_and_a_port():
    assert parse_wanted(REQUEST) == (("tcp", "127.0.0.1", 80), ("10.0.0.1", 80))
    for port in (0, 65536, True, "80"):
        with pytest.raises(ValueError, match="address"):
            parse_wanted({**REQUEST, "host": ["127.0.0.1", port]})
