"""Layers may be unpacked in any order; they become layers from the bottom up."""

import threading

import pytest

from baleen.errors import DataLoss
from baleen.images.image import read_variants
from baleen.images.unpacking import Turns, Unpacking, unpack_missing


@pytest.fixture
def bare(world, build):
    """An image of three layers, of which none is unpacked; gives its variant."""

    def make(layers):
        list(world.store.load([build.docker((["app:1"], layers))]))
        (variant,) = read_variants(world.content, world.store.resolve("app:1").target)
        for chain_id in reversed(variant.chain_ids):
            world.snapshotter.remove_layer(chain_id)
        assert world.snapshotter.committed == {}
        return variant

    return make


@pytest.fixture
def three(bare, build):
    return bare([build.layer({name: name.encode() * 5}) for name in "abc"])


def begin(world, variant):
    return Unpacking(world.content, world.snapshotter, variant, Turns())


def committed(world, variant):
    return [world.snapshotter.layer(chain_id) is not None for chain_id in variant.chain_ids]


def drafts(world):
    return len(list(world.snapshotter.root.iterdir())) - len(world.snapshotter.committed)


def test_the_top_waits_for_those_below_it(world, three):
    with begin(world, three) as unpacking:
        assert unpacking.missing == [0, 1, 2]
        unpacking.unpack(2)
        assert unpacking.missing == [0, 1]
        assert committed(world, three) == [False, False, False]
        unpacking.unpack(0)
        assert committed(world, three) == [True, False, False]
        unpacking.unpack(1)
        assert committed(world, three) == [True, True, True]
        unpacking.finish()
    assert drafts(world) == 0


def test_only_what_is_missing_is_unpacked(world, three):
    with begin(world, three) as unpacking:
        assert len(list(unpack_missing(unpacking))) == 3
    world.snapshotter.remove_layer(three.chain_ids[2])
    with begin(world, three) as unpacking:
        assert list(unpack_missing(unpacking)) == [three.manifest.layers[2]]


def test_big_layers_are_unpacked_by_two_threads(world, bare, build):
    variant = bare([build.layer({name: name.encode() * (3 << 20)}) for name in "abcd"])
    with begin(world, variant) as unpacking:
        assert [d.digest for d in unpack_missing(unpacking)] == [
            d.digest for d in variant.manifest.layers
        ]
    top = world.snapshotter.layer(variant.chain_ids[3])
    assert (top.path / "d").read_bytes() == b"d" * (3 << 20)


def test_progress_counts_the_blob(world, three):
    seen = []
    with begin(world, three) as unpacking:
        unpacking.unpack(1, seen.append)
    assert seen[-1] == three.manifest.layers[1].size


def test_layers_are_fed_while_they_arrive(world, three, build):
    with begin(world, three) as unpacking:
        for index in (1, 0, 2):
            data = world.content.read(three.manifest.layers[index].digest, limit=1 << 20)
            with unpacking.feed(index) as write:
                for start in range(0, len(data), 700):
                    write(data[start : start + 700])
        unpacking.finish()
    assert committed(world, three) == [True, True, True]


def test_a_feed_that_breaks_off_leaves_nothing_and_may_be_repeated(world, three):
    def broken_off(write):
        write(b"x" * 10)
        raise ConnectionError

    with begin(world, three) as unpacking:
        with pytest.raises(ConnectionError), unpacking.feed(1) as write:
            broken_off(write)
        assert unpacking.missing == [0, 1, 2]
        assert drafts(world) == 0
        unpacking.unpack(1)
        assert unpacking.missing == [0, 2]


def test_wrong_bytes_are_refused_by_the_feed(world, three, build):
    with begin(world, three) as unpacking:
        with pytest.raises(DataLoss, match="unpacks to"), unpacking.feed(1) as write:
            write(build.layer({"b": b"other"}))
        assert unpacking.missing == [0, 1, 2]
    assert drafts(world) == 0


def test_what_was_not_finished_is_discarded(world, three):
    with begin(world, three) as unpacking:
        unpacking.unpack(2)
    assert drafts(world) == 0
    assert committed(world, three) == [False, False, False]


def test_a_missing_blob_is_named(world, three):
    world.content.delete(three.manifest.layers[1].digest)
    with (
        begin(world, three) as unpacking,
        pytest.raises(DataLoss, match=str(three.manifest.layers[1].digest)),
    ):
        unpacking.finish()
    assert drafts(world) == 0


def test_a_link_to_a_lower_file_waits_for_its_layer(world, bare, build, link_layer):
    variant = bare([build.layer({"a": b"1"}), link_layer("b", "a"), build.layer({"c": b"3"})])
    with begin(world, variant) as unpacking:
        unpacking.unpack(1)
        assert unpacking.missing == [0, 2]
        unpacking.unpack(0)
        assert committed(world, variant) == [True, True, False]
    layer = world.snapshotter.layer(variant.chain_ids[1]).path
    assert (layer / "a").samefile(layer / "b")


def test_one_layer_is_unpacked_by_one_at_a_time_and_slots_are_given_back():
    turns = Turns(at_once=1)
    order = []
    with turns.of("layer"):
        thread = threading.Thread(target=lambda: _enter(turns, order))
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert turns._layers == {}


def _enter(turns, order):
    with turns.of("layer"):
        order.append("second")


def test_images_of_many_threads_do_not_wait_for_each_other_forever(world, bare, build):
    variant = bare([build.layer({name: b"x"}) for name in "abcdefgh"])
    turns = Turns(at_once=2)

    def work():
        with Unpacking(world.content, world.snapshotter, variant, turns) as unpacking:
            for index in reversed(unpacking.missing):
                unpacking.unpack(index)
            unpacking.finish()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert all(committed(world, variant))
    assert drafts(world) == 0
