"""Nothing that is being made is collected, and nothing that failed stays."""

import pytest


def test_blobs_of_an_image_in_the_making_stay_until_it_has_a_name(world):
    with world.store.changing() as lease:
        digest = world.content.put(b"x", lease)
        world.store.collect_garbage()
        assert world.content.has(digest)
    # Put off, then done at the end of the block.
    assert not world.content.has(digest)


def make_and_fail(world):
    with world.store.changing() as lease:
        world.content.put(b"x", lease)
        raise KeyError("x")


def test_a_failure_leaves_nothing(world):
    with pytest.raises(KeyError):
        make_and_fail(world)
    assert world.left_over() == []


def test_layers_go_from_the_top_down_and_used_ones_stay(world, build):
    layers = [build.layer({name: b"1"}) for name in "abc"]
    list(world.store.load([build.docker((["app:1"], layers))]))
    chain = world.store.resolve("app:1").chain_ids
    world.snapshotter.used.add(chain[1])
    world.store.remove("app:1", in_use=lambda i: [])
    assert set(world.snapshotter.committed) == set(chain[:2])
