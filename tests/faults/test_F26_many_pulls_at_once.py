"""F26: fifty clients pull one image at once: each blob comes once.

One that gives up does not stop the others; when the last one does, the download stops.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter

import pytest
from lying_registry import held, stall
from registry_world import AMD64

from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.progress import State
from baleen.distribution.pulling import Hooks

LAYERS = [os.urandom(400_000) for _ in range(4)]


@pytest.fixture
def image(registry):
    return registry.add_image("some/image", "latest", LAYERS)


class Client(threading.Thread):
    def __init__(self, world):
        super().__init__(daemon=True)
        self.world = world
        self.cancel = Cancellation()
        self.outcome = None
        self.states = Counter()
        self.start()

    def progress(self, event):
        self.states[event.state] += 1

    def run(self):
        hooks = Hooks(progress=self.progress)
        try:
            with self.world.content.lease() as lease:
                self.outcome = self.world.client.pull(
                    self.world.reference(),
                    lease,
                    platform=AMD64,
                    cancel=self.cancel,
                    hooks=hooks,
                )
                held_blobs = {str(digest) for digest in lease.digests}
                assert held_blobs <= self.world.blobs()
        except BaseException as err:
            self.outcome = err

    def end(self):
        self.join(60)
        assert not self.is_alive()
        return self.outcome


def hold_layers(registry, image):
    go = threading.Event()
    for layer in image.layers:
        registry.lie("GET", layer, held(go))
    return go


def all_aboard(world, count):
    """Wait until so many wait for each blob that is under way."""
    flights = world.client._downloads._flights._flights
    pause, deadline = threading.Event(), time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [len(flight.passengers) for flight in list(flights.values())]
        if len(found) == 3 and set(found) == {count}:
            return
        pause.wait(0.01)
    raise AssertionError(found)


def test_fifty_pulls_are_one_download(world, registry, image):
    go = hold_layers(registry, image)
    clients = [Client(world) for _ in range(50)]
    all_aboard(world, 50)
    go.set()
    assert {client.end().target.digest for client in clients} == {image.manifest}
    assert set(registry.blob_counts().values()) == {1}
    assert all(c.states[State.DOWNLOADED] + c.states[State.EXISTS] == 4 for c in clients)


def test_those_who_give_up_do_not_stop_the_others(world, registry, image):
    go = hold_layers(registry, image)
    clients = [Client(world) for _ in range(10)]
    all_aboard(world, 10)
    for client in clients[:9]:
        client.cancel.cancel()
    assert all(isinstance(client.end(), Cancelled) for client in clients[:9])
    go.set()
    assert clients[9].end().target.digest == image.manifest
    # Whoever began a download may have been one of those that left.
    assert set(registry.blob_counts().values()) == {1}


def test_when_the_last_gives_up_the_download_stops(world, registry, image):
    for layer in image.layers:
        registry.lie("GET", layer, stall(100_000), times=99)
    clients = [Client(world) for _ in range(5)]
    all_aboard(world, 5)
    for client in clients:
        client.cancel.cancel()
    assert all(isinstance(client.end(), Cancelled) for client in clients)
    assert not [t for t in threading.enumerate() if t.name in ("download", "distribution")]
    assert not set(image.layers) & world.blobs()
    # And the next one is not disturbed by what was left.
    registry.lies.clear()
    assert Client(world).end().target.digest == image.manifest
