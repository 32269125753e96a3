"""network.localhost6: bytes between [::1] and 127.0.0.1, both of this machine's loopback."""

import asyncio
import socket

import pytest

from baleen.network.localhost6 import Localhost6


@pytest.fixture
def port():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return probe.getsockname()[1]
    except OSError:
        pytest.skip("the host has no [::1]")


@pytest.fixture
async def forwarder():
    forwarder = Localhost6()
    yield forwarder
    forwarder.close_all()


@pytest.fixture
async def echo():
    """A server that answers what it got in upper case, after the client's end of stream."""

    async def serve(reader, writer):
        writer.write((await reader.read()).upper())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()


async def ask(port, data):
    reader, writer = await asyncio.open_connection("::1", port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_bytes_go_both_ways_and_each_direction_ends_by_itself(forwarder, port, echo):
    await forwarder.open(port, echo)
    data = b"abc" * 300_000
    assert await ask(port, data) == data.upper()


async def test_many_clients_are_served_at_once(forwarder, port, echo):
    await forwarder.open(port, echo)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(port, b"x%d" % number)) for number in range(20)]
    assert {task.result() for task in tasks} == {b"X%d" % number for number in range(20)}


async def test_where_nobody_listens_the_connection_ends_without_an_answer(forwarder, port):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        await forwarder.open(port, closed.getsockname())
        assert await ask(port, b"") == b""


async def test_a_closed_port_refuses_and_its_connections_end(forwarder, port, echo):
    await forwarder.open(port, echo)
    reader, writer = await asyncio.open_connection("::1", port)
    writer.write(b"x")
    await writer.drain()
    forwarder.close(port, "127.0.0.1")
    forwarder.close(port, "127.0.0.1")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("::1", port)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_only_the_container_that_has_the_port_closes_it(forwarder, port, echo):
    await forwarder.open(port, echo)
    forwarder.close(port, "10.0.0.9")
    assert await ask(port, b"x") == b"X"


async def test_a_port_of_another_program_is_left_to_it(forwarder, port, echo):
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        await forwarder.open(port, echo)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("::1", port)
