from __future__ import annotations

import aiohttp
import pytest

from baleen.errors import InvalidArgument, Unavailable
from baleen.registry.watching.debug_server import Debug, DebugServer, Prometheus
from baleen.registry.watching.health import Health
from baleen.registry.watching.metrics import Metrics


async def fetch(server, path):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as response,
    ):
        return response.status, await response.text()


async def ill():
    raise Unavailable("the disk is full")


async def well():
    pass


@pytest.mark.parametrize(
    ("check", "answer"), [(well, (200, "{}")), (ill, (503, '{"storage":"the disk is full"}'))]
)
async def test_metrics_and_health_with_reasons(check, answer):
    section = Debug(addr="127.0.0.1:0", prometheus=Prometheus(enabled=True, path="/m"))
    server = DebugServer(section, Metrics(), Health(check))
    await server.start()
    assert await fetch(server, "/debug/health") == answer
    status, text = await fetch(server, "/m")
    assert status == 200
    assert "registry_http_requests_total" in text
    assert (await fetch(server, "/v2/"))[0] == 404
    port = server.port
    await server.stop()
    await server.stop()
    with pytest.raises(aiohttp.ClientError):
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://127.0.0.1:{port}/m")


async def test_metrics_are_off_unless_asked_for():
    server = DebugServer(Debug(addr="127.0.0.1:0"), Metrics(), Health(well))
    await server.start()
    assert (await fetch(server, "/metrics"))[0] == 404
    await server.stop()


@pytest.mark.parametrize("address", ["", "x", "127.0.0.1", "127.0.0.1:x", ":99999", ":-1"])
async def test_an_address_is_host_and_port(address):
    with pytest.raises(InvalidArgument, match=r"http\.debug\.addr"):
        DebugServer(Debug(addr=address), Metrics(), Health(well))


async def test_a_path_begins_with_a_slash():
    section = Debug(addr=":0", prometheus=Prometheus(enabled=True, path="metrics"))
    with pytest.raises(InvalidArgument, match="path"):
        DebugServer(section, Metrics(), Health(well))
