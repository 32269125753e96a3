"""Layers are unpacked once, and only if they are what they claim."""

import hashlib

from baleen.images.image import read_variants
from baleen.images.unpack import hashed, is_unpacked, unpack_variant


def test_only_what_is_missing_is_unpacked(world, build):
    layers = [build.layer({name: b"1"}) for name in "abc"]
    list(world.store.load([build.docker((["app:1"], layers))]))
    image = world.store.resolve("app:1")
    (variant,) = read_variants(world.content, image.target)
    assert is_unpacked(world.snapshotter, variant)
    assert list(unpack_variant(world.content, world.snapshotter, variant)) == []
    world.snapshotter.remove_layer(image.chain_id)
    assert not is_unpacked(world.snapshotter, variant)
    done = list(unpack_variant(world.content, world.snapshotter, variant))
    assert [layer.digest for layer in done] == [variant.manifest.layers[2].digest]


def test_big_layers_are_unpacked_with_a_helper_thread(world, loaded):
    loaded("app:1", files={"big": bytes(range(256)) * 40_000})
    image = world.store.resolve("app:1")
    content = (world.snapshotter.layer(image.chain_id).path / "big").read_bytes()
    assert content == bytes(range(256)) * 40_000


def test_hashing_passes_everything_on():
    hasher = hashlib.sha256()
    assert list(hashed(iter([b"a", b"b"]), hasher)) == [b"a", b"b"]
    assert hasher.hexdigest() == hashlib.sha256(b"ab").hexdigest()
