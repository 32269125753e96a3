"""Certificates, and a store, for the tests of the registry client that need the kernel."""

from __future__ import annotations

import pytest
from registry_world import make_pki

from baleen.content import ContentStore


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def content(tmp_path):
    store = ContentStore(tmp_path / "content")
    store.start()
    return store


@pytest.fixture
def lease(content):
    with content.lease() as held:
        yield held
