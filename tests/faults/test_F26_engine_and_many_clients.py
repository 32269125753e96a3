"""F26 through the engine: many clients pull one image; each blob is downloaded once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from bed import wait_until
from debian_registry import connections, lying_registry, tar_of
from lying_registry import LyingRegistry, held

from baleen.client.client import EngineClient
from baleen.client.endpoint import parse_host

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

CLIENTS = 50


@pytest.fixture
def registry(engine) -> Iterator[LyingRegistry]:
    with lying_registry(engine) as registry:
        yield registry


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


class Pull:
    """A client's pull whose stream has begun."""

    def __init__(self, host: str, name: str, tag: str) -> None:
        self.client = EngineClient(parse_host(host, tls=None))
        query = {"fromImage": name, "tag": tag}
        self.stream = self.client.request("POST", "/images/create", query).objects()
        assert "Pulling from" in next(self.stream)["status"]

    def last(self) -> str:
        try:
            return [str(message.get("status")) for message in self.stream][-1]
        finally:
            self.client.close()

    def leave(self) -> None:
        self.stream.close()
        self.client.close()


def test_fifty_clients_are_one_download(engine, registry, gate):
    image = registry.add_image("x", "1", [tar_of("a"), tar_of("b")])
    name = f"{registry.authority}/x"
    registry.lie("GET", image.layers[0], held(gate))
    with ThreadPoolExecutor(CLIENTS) as pool:
        pulls = list(pool.map(lambda _: Pull(engine.host, name, "1"), range(CLIENTS)))
        registry.wait_asked("GET", image.layers[0])
        gate.set()
        ends = list(pool.map(Pull.last, pulls))
    assert {end.partition(":")[0] for end in ends} == {"Status"}
    assert set(registry.blob_counts().values()) == {1}
    assert engine.out("images", "-q", f"{name}:1")


def test_one_that_leaves_does_not_stop_the_others_and_the_last_one_does(engine, registry, gate):
    image = registry.add_image("x", "1", [tar_of("a")])
    name = f"{registry.authority}/x"
    registry.lie("GET", image.layers[0], held(gate))
    first, second = (Pull(engine.host, name, "1") for _ in range(2))
    registry.wait_asked("GET", image.layers[0])
    first.leave()
    gate.set()
    assert second.last().startswith("Status: Downloaded newer image")
    assert registry.blob_counts()[image.layers[0]] == 1

    again = registry.add_image("x", "2", [tar_of("b")])
    stalled = threading.Event()
    registry.lie("GET", again.layers[0], held(stalled))
    try:
        both = [Pull(engine.host, name, "2") for _ in range(2)]
        registry.wait_asked("GET", again.layers[0])
        for pull in both:
            pull.leave()
        wait_until("the download is given up", lambda: not connections(engine, registry.port))
    finally:
        stalled.set()
    assert engine.out("images", "-q", f"{name}:2") == ""
