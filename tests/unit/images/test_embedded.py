"""The images that come along are made once, and the same each time."""

import logging

import pytest

from baleen.images import embedded
from baleen.images.embedded import install_embedded_images


@pytest.fixture
def only_hello(monkeypatch):
    # Files of other owners need root; the busybox image is built in the integration tests.
    monkeypatch.setattr(embedded, "find_busybox", lambda: None)
    entry = embedded.Entry

    def mine(**fields):
        import os

        return entry(**{**fields, "uid": os.getuid(), "gid": os.getgid()})

    monkeypatch.setattr(embedded, "Entry", mine)


def test_hello_world_is_there_at_once_and_once_only(world, only_hello, caplog):
    with caplog.at_level(logging.WARNING):
        assert install_embedded_images(world.store, world.database) == ["hello-world:latest"]
    assert "install the package busybox-static" in caplog.text
    image = world.store.resolve("hello-world")
    assert image.config.execution.cmd == ["/hello"]
    assert world.snapshotter.layer(image.chain_id) is not None
    assert install_embedded_images(world.store, world.database) == []
    world.store.remove("hello-world", in_use=lambda i: [])
    assert install_embedded_images(world.store, world.database) == []
    assert world.left_over() == []


def test_an_image_of_that_name_is_not_replaced(world, only_hello, loaded):
    image_id = loaded("hello-world:latest")
    assert install_embedded_images(world.store, world.database) == []
    assert world.store.resolve("hello-world").id == image_id
