"""A new layer: stored and unpacked in one pass, compressed only where that pays."""

import gzip
import os

import pytest

from baleen.errors import ResourceExhausted
from baleen.images.layering import new_layer, store_archive


def made(world, data):
    with (
        world.content.lease() as lease,
        new_layer(world.content, world.snapshotter, lease, [data]) as layer,
    ):
        return layer.descriptor, layer.diff_id, (layer.lone.draft.path / "f").read_bytes()


def test_text_becomes_gzip_and_noise_stays_a_tar(world, build):
    text, noise = (build.layer({"f": data}) for data in (b"text" * 10000, os.urandom(1 << 20)))
    descriptor, diff_id, content = made(world, text)
    assert descriptor.media_type.endswith("tar+gzip")
    assert (diff_id, content) == (build.digest(text), b"text" * 10000)
    descriptor, diff_id, _ = made(world, noise)
    assert descriptor.media_type.endswith("layer.v1.tar")
    assert descriptor.digest == diff_id == build.digest(noise)


def test_gzip_is_kept_as_it_is(world, build):
    packed = gzip.compress(build.layer({"f": b"x"}))
    descriptor, diff_id, _ = made(world, packed)
    assert descriptor.digest == build.digest(packed)
    assert diff_id == build.digest(build.layer({"f": b"x"}))


def test_what_nobody_took_is_discarded(world, build):
    made(world, build.layer({"f": b"x"}))
    assert not list(world.snapshotter.root.iterdir())


def test_what_is_packed_is_let_go_while_the_error_is_still_held(world, monkeypatch):
    ended = []

    def packed():
        try:
            while True:
                yield os.urandom(1 << 20)
        finally:
            ended.append(True)

    def full(ingest, data):
        raise ResourceExhausted("no space left on device")

    with world.content.lease() as lease:
        with world.content.ingest(lease) as ingest:
            monkeypatch.setattr(type(ingest), "write", full)
        with pytest.raises(ResourceExhausted) as caught:
            store_archive(world.content, lease, packed())
    assert ended == [True]
    assert caught.value.__traceback__ is not None
