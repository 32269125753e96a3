"""network.ports: what is reserved, on free ports of 127.0.0.x. Other programs: integration."""

import socket
from pathlib import Path

import pytest

from baleen.errors import Internal
from baleen.network.network import PortRequest
from baleen.network.ports import PortAllocator, ephemeral_range

HERE = "127.0.0.1"


def free_port():
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]


@pytest.fixture
def allocator():
    return PortAllocator((40000, 40003))


@pytest.fixture
def reserve(allocator):
    held = []

    def reserve(*requests):
        published = allocator.reserve(
            [PortRequest(container_port=80, **request) for request in requests],
            address="172.17.0.2",
            binding=HERE,
        )
        held.extend(published.sockets)
        return published

    yield reserve
    for item in held:
        item.close()


def test_a_reserved_port_is_bound_and_refuses_connections(reserve):
    port = free_port()
    published = reserve({"protocol": "tcp", "host_port_first": port})
    assert published.ports[0].host_ip == HERE
    assert published.sockets[0].getsockname() == (HERE, port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HERE, port), 5)


def test_no_program_of_the_host_can_take_a_reserved_port_even_with_reuseaddr(reserve):
    port = free_port()
    reserve({"protocol": "tcp", "host_port_first": port})
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="Address already in use"):
            other.bind((HERE, port))


def test_a_port_of_another_container_of_ours_is_allocated(reserve):
    port = free_port()
    reserve({"protocol": "tcp", "host_port_first": port})
    with pytest.raises(Internal) as failure:
        reserve({"protocol": "tcp", "host_port_first": port})
    assert str(failure.value) == f"Bind for {HERE}:{port} failed: port is already allocated"


def test_every_address_and_a_single_one_exclude_each_other(allocator, reserve):
    port = free_port()
    allocator.adopt(reserve({"protocol": "udp", "host_port_first": port}).ports)
    with pytest.raises(Internal, match="port is already allocated"):
        reserve({"protocol": "udp", "host_ip": "0.0.0.0", "host_port_first": port})


def test_protocols_do_not_exclude_each_other(reserve):
    port = free_port()
    reserve({"protocol": "tcp", "host_port_first": port})
    assert reserve({"protocol": "udp", "host_port_first": port}).ports[0].host_port == port


def test_a_port_of_another_program_is_in_use(reserve):
    with socket.create_server((HERE, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Internal) as failure:
            reserve({"protocol": "tcp", "host_port_first": port})
    assert str(failure.value) == (
        f"failed to bind host port for {HERE}:{port}:172.17.0.2:80/tcp: address already in use"
    )


def test_an_address_that_is_not_the_hosts_is_named(reserve):
    with pytest.raises(Internal, match="cannot assign requested address"):
        reserve({"protocol": "tcp", "host_ip": "192.0.2.77", "host_port_first": 8080})


def test_of_a_range_the_first_free_port_is_taken(reserve):
    with socket.create_server((HERE, 0)) as other:
        port = other.getsockname()[1]
        published = reserve(
            {"protocol": "tcp", "host_port_first": port, "host_port_last": port + 20}
        )
    assert port < published.ports[0].host_port <= port + 20


def test_automatic_ports_rotate_through_the_hosts_range(reserve):
    first = reserve({"protocol": "udp"}).ports[0].host_port
    second = reserve({"protocol": "udp"}).ports[0].host_port
    assert 40000 <= first < second <= 40003


def test_when_the_range_is_used_up_the_error_says_so(reserve):
    with pytest.raises(Internal, match="all ports are allocated"):
        reserve(*[{"protocol": "udp"}] * 5)


def test_of_several_requests_all_or_none_are_reserved(reserve):
    port = free_port()
    with socket.create_server((HERE, 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(Internal):
            reserve(
                {"protocol": "tcp", "host_port_first": port},
                {"protocol": "tcp", "host_port_first": taken},
            )
    assert reserve({"protocol": "tcp", "host_port_first": port}).ports[0].host_port == port


def test_released_ports_are_free_again(allocator, reserve):
    port = free_port()
    published = reserve({"protocol": "tcp", "host_port_first": port})
    published.sockets[0].close()
    allocator.release(published.ports)
    allocator.release(published.ports)
    assert reserve({"protocol": "tcp", "host_port_first": port}).ports[0].host_port == port


def test_a_port_with_a_connection_in_time_wait_can_be_reserved(reserve):
    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((HERE, port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first waits
        client.close()
    assert reserve({"protocol": "tcp", "host_port_first": port}).ports[0].host_port == port


def test_the_ephemeral_range_is_the_hosts(tmp_path: Path):
    (tmp_path / "range").write_text("32768\t60999\n")
    assert ephemeral_range(tmp_path / "range") == (32768, 60999)
    assert ephemeral_range(tmp_path / "missing") == (49153, 65535)
