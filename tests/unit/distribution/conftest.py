"""A registry on loopback that lies on demand, a content store, and settings that lose no time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from baleen.content import ContentStore

# Helpers lie beside their tests; pytest's importlib mode puts no directory on the path.
sys.path.insert(0, str(Path(__file__).parents[2] / "integration"))

from lying_registry import LyingRegistry
from registry_world import World, fast, make_pki


@pytest.fixture
def content(tmp_path):
    store = ContentStore(tmp_path / "content")
    store.start()
    return store


@pytest.fixture
def lease(content):
    with content.lease() as held:
        yield held


@pytest.fixture
def registry():
    with LyingRegistry() as started:
        yield started


@pytest.fixture
def world(registry, content):
    return World(registry, content, fast())


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return make_pki(tmp_path_factory.mktemp("pki"))
