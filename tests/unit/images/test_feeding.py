"""The two sides of a feed: bounded, and never waiting for one that is gone."""

import threading

import pytest

from baleen.errors import InvalidArgument
from baleen.images.feeding import LayerFeed


def test_a_layer_of_many_pieces(world, build):
    data = build.layer({"f": b"x" * 100_000})
    with LayerFeed(world.snapshotter) as feed:
        for start in range(0, len(data), 1000):
            feed.write(data[start : start + 1000])
        layer = feed.finish()
    assert (layer.draft.path / "f").read_bytes() == b"x" * 100_000
    assert layer.diff_id == build.digest(data)


def test_writing_waits_for_the_unpacking(world):
    slots = threading.Semaphore(0)
    with LayerFeed(world.snapshotter, slots=slots) as feed:
        written = []

        def write():
            for number in range(20):
                feed.write(bytes(1 << 20))
                written.append(number)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert len(written) < 8
        slots.release()
        thread.join(10)
        assert not thread.is_alive()
        assert feed.finish() is not None


def test_the_writer_learns_what_went_wrong(world):
    def write_all(feed):
        for _ in range(100):
            feed.write(b"x" * (1 << 20))

    with LayerFeed(world.snapshotter) as feed, pytest.raises(InvalidArgument, match="checksum"):
        write_all(feed)
    assert not list(world.snapshotter.root.iterdir())


def test_a_truncated_blob_is_found_at_the_end(world, build):
    with LayerFeed(world.snapshotter) as feed:
        feed.write(build.layer({"f": b"x" * 5000})[:2000])
        with pytest.raises(InvalidArgument, match="truncated"):
            feed.finish()
    assert not list(world.snapshotter.root.iterdir())


def test_a_layer_that_needs_those_below_is_none_and_swallows_the_rest(world, link_layer):
    with LayerFeed(world.snapshotter) as feed:
        feed.write(link_layer("b", "a"))
        feed.write(bytes(10 << 20))
        feed.write(bytes(10 << 20))
        assert feed.finish() is None
    assert not list(world.snapshotter.root.iterdir())


def test_giving_up_leaves_nothing(world, build):
    with LayerFeed(world.snapshotter) as feed:
        feed.write(build.layer({"f": b"x" * 5000})[:2000])
    assert not list(world.snapshotter.root.iterdir())
