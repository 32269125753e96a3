"""Layers are unpacked only if they are what they claim."""

import hashlib

import pytest

from baleen.errors import InvalidArgument
from baleen.images.image import read_variants
from baleen.images.unpack import hashed, is_unpacked, unpack_alone, unpack_on, wrong_diff_id


def test_a_lone_layer_is_settled_on_its_parent_when_it_is_committed(world, build, loaded):
    loaded("base:1", files={"d/f": b"1"})
    parent = world.store.resolve("base:1").chain_id
    (world.snapshotter.layer(parent).path / "d").chmod(0o701)
    lone = unpack_alone(world.snapshotter, [build.layer({"d/g": b"22"})])
    assert lone.diff_id == build.digest(build.layer({"d/g": b"22"}))
    assert lone.size_bytes == 2
    lone.commit(world.snapshotter, lone.diff_id, parent)
    made = world.snapshotter.layer(lone.diff_id).path / "d"
    assert made.stat().st_mode & 0o777 == 0o701


def test_a_malformed_layer_leaves_nothing(world):
    with pytest.raises(InvalidArgument):
        unpack_alone(world.snapshotter, [b"x" * 1024])
    assert list(world.snapshotter.root.iterdir()) == []


def test_a_layer_on_its_parent_is_verified(world, build, loaded):
    loaded("base:1")
    image = world.store.resolve("base:1")
    (variant,) = read_variants(world.content, image.target)
    descriptor, diff_id = variant.manifest.layers[0], variant.config.diff_ids[0]
    world.snapshotter.remove_layer(image.chain_id)
    assert not is_unpacked(world.snapshotter, variant)
    data = build.layer({"f": b"content"})
    with pytest.raises(type(wrong_diff_id(descriptor, diff_id, diff_id)), match="unpacks to"):
        unpack_on(
            world.snapshotter, [data], descriptor, variant.chain_ids[0].of(b""), diff_id, None
        )
    unpack_on(world.snapshotter, [data], descriptor, diff_id, variant.chain_ids[0], None)
    assert is_unpacked(world.snapshotter, variant)


def test_big_layers_are_unpacked_with_a_helper_thread(world, loaded):
    loaded("app:1", files={"big": bytes(range(256)) * 40_000})
    image = world.store.resolve("app:1")
    content = (world.snapshotter.layer(image.chain_id).path / "big").read_bytes()
    assert content == bytes(range(256)) * 40_000


def test_hashing_passes_everything_on():
    hasher = hashlib.sha256()
    assert list(hashed(iter([b"a", b"b"]), hasher)) == [b"a", b"b"]
    assert hasher.hexdigest() == hashlib.sha256(b"ab").hexdigest()
