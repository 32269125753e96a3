"""A11: a registry that lies about digests and sizes; each lie is an error that leaves nothing.

That what unpacks has its diff id is the unpacking's business, where blobs are true already.
"""

from __future__ import annotations

import json
import os

import pytest
from lying_registry import OCI_MANIFEST, content, digest_of, manifest_of
from registry_world import AMD64

from baleen.errors import DataLoss

LAYER = os.urandom(500_000)


@pytest.fixture
def image(registry):
    return registry.add_image("some/image", "latest", [LAYER, b"small"])


def pull(world, lease):
    return world.client.pull(world.reference(), lease, platform=AMD64)


def other_bytes(registry, image):
    registry.blobs[image.layers[0]] = os.urandom(len(LAYER))


def one_bit(registry, image):
    registry.blobs[image.layers[0]] = bytes([LAYER[0] ^ 1]) + LAYER[1:]


def shorter(registry, image):
    registry.blobs[image.layers[0]] = LAYER[:-1]


def longer(registry, image):
    registry.blobs[image.layers[0]] = LAYER + b"\0"


def other_config(registry, image):
    config = registry.blobs[image.config]
    registry.blobs[image.config] = config.replace(b"amd64", b"arm64")


def without_length(data):
    """Answer with a body that ends with its connection, so that no length gives it away."""

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        handler.wfile.write(data)

    return answer


def longer_by_surprise(registry, image):
    registry.lie("GET", image.layers[0], without_length(LAYER + b"x" * 1_000_000), times=9)


def resumed_with_other_bytes(registry, image):
    rest = os.urandom(len(LAYER) - 1000)
    registry.lie("GET", image.layers[0], without_length(LAYER[:1000]))
    span = f"bytes 1000-{len(LAYER) - 1}/{len(LAYER)}"
    registry.lie("GET", image.layers[0], content(rest, code=206, Content_Range=span))
    other_bytes(registry, image)


LIES = [
    other_bytes,
    one_bit,
    shorter,
    longer,
    other_config,
    longer_by_surprise,
    resumed_with_other_bytes,
]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_an_error_and_the_next_pull_is_right(world, registry, image, lease, lie):
    truth = dict(registry.blobs)
    lie(registry, image)
    with pytest.raises(DataLoss, match=registry.authority):
        pull(world, lease)
    wrong = image.config if lie is other_config else image.layers[0]
    assert wrong not in world.blobs()
    registry.blobs = truth
    registry.lies.clear()
    assert pull(world, lease).target.digest == image.manifest
    for digest in world.content.digests():
        world.content.read(digest, limit=1 << 20)
    assert world.blobs() == {image.manifest, image.config, *image.layers}


@pytest.mark.parametrize("change", [-1, 1, 10**15])
def test_a_size_in_the_manifest_that_is_not_the_blobs_is_refused(world, registry, lease, change):
    config = registry.add_blob(json.dumps({"rootfs": {}}).encode())
    document = manifest_of(config, len(registry.blobs[config]), [LAYER])
    document["layers"][0]["size"] += change
    registry.add_blob(LAYER)
    registry.add_manifest("some/image", "latest", document)
    with pytest.raises(DataLoss, match=f"has {len(LAYER)} bytes instead of"):
        pull(world, lease)
    assert digest_of(LAYER) not in world.blobs()


def test_a_manifest_that_is_not_the_one_asked_for_is_refused(world, registry, image, lease):
    other = json.dumps(manifest_of(image.config, 10, [])).encode()
    registry.lie("GET", "manifests", content(other, OCI_MANIFEST), times=9)
    registry.lie("HEAD", "manifests", content(other, OCI_MANIFEST), times=9)
    reference = world.reference(f"some/image@{image.manifest}")
    with pytest.raises(DataLoss, match="manifest verification failed"):
        world.client.pull(reference, lease, platform=AMD64)
    assert world.blobs() == set()
