"""Fixtures: a laboratory of namespaces, and a NetworkManager in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Test helpers lie beside this file; pytest's importlib mode puts no directory on the path.
sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab

from baleen.network import NetworkConfig, NetworkManager
from baleen.state import Database


@pytest.fixture
def lab():
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces are real")
    descriptors = len(os.listdir("/proc/self/fd"))
    lab = Lab()
    yield lab
    lab.close()
    assert len(os.listdir("/proc/self/fd")) <= descriptors


class World:
    """A manager in the lab's host, and short words for what tests do with it."""

    def __init__(self, lab, folder, **settings):
        self.lab = lab
        self.config = NetworkConfig(exec_root=folder / "run", **settings)
        self.database = Database(folder / "state.db")
        self.manager = NetworkManager(self.config, self.database)
        self.sockets = []

    async def start(self, *endpoints):
        await self.manager.start()
        await self.manager.adopt(endpoints)

    async def restart(self, *endpoints):
        """As after a crash of the daemon: nothing but database and kernel is left."""
        self.manager.close()
        self.manager = NetworkManager(self.config, self.database)
        await self.start(*endpoints)

    async def container(self, network="bridge", name="web", **settings):
        """(endpoint, namespace) of a running container."""
        endpoint = await self.manager.allocate_endpoint(
            self.manager.resolve(network), os.urandom(32).hex(), container_name=name, **settings
        )
        netns = self.lab.netns()
        self.lab.attach(netns, self.manager.interface(endpoint, 0, gateway=True))
        return endpoint, netns

    async def publish(self, endpoint, *requests):
        published = await self.manager.publish(endpoint, requests)
        self.sockets += published.sockets
        return published.ports

    def close(self):
        for held in self.sockets:
            held.close()
        self.manager.close()
        self.database.close()


@pytest.fixture
def make_world(lab, tmp_path):
    made = []

    def make(**settings):
        world = World(lab, tmp_path, **settings)
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


@pytest.fixture
async def world(make_world):
    world = make_world()
    await world.start()
    return world
