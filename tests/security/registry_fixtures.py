"""Fixtures of the cases about registries: a lying one on loopback, and a client with its store."""

from __future__ import annotations

import pytest
from lying_registry import LyingRegistry
from registry_world import World, fast, make_pki

from baleen.content import ContentStore


@pytest.fixture
def registry():
    with LyingRegistry() as started:
        yield started


@pytest.fixture
def world(registry, tmp_path):
    content = ContentStore(tmp_path / "content")
    content.start()
    return World(registry, content, fast())


@pytest.fixture
def lease(world):
    with world.content.lease() as held:
        yield held


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return make_pki(tmp_path_factory.mktemp("pki"))
