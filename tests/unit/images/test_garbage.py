"""Nothing that is being made is collected, and nothing that failed stays."""

import threading

import pytest

from baleen.errors import ResourceExhausted
from baleen.oci.digest import Digest


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


def download_and_fail(world, error):
    data = b"downloaded"
    with world.store.changing() as lease:
        with world.content.ingest(lease, expected=Digest.of(data), resume=True) as ingest:
            if not ingest.is_complete:
                ingest.write(data)
            ingest.commit()
        raise error


def test_a_download_stays_for_the_next_try_unless_the_disk_is_full(world):
    with pytest.raises(KeyError):
        download_and_fail(world, KeyError("cut off"))
    digest = Digest.of(b"downloaded")
    assert world.content.has(digest)
    with pytest.raises(ResourceExhausted):
        download_and_fail(world, ResourceExhausted("no space left on device"))
    assert world.left_over() == []


def test_a_downloaded_image_is_gone_when_its_name_is(world, build):
    """Not a day later."""
    layer = build.layer({"f": b"x"})
    list(world.store.load([build.docker((["app:1"], [layer]))]))
    digest = world.store.resolve("app:1").manifest.layers[0].digest
    world.content.delete(digest)
    target = world.store.resolve("app:1").target
    with world.store.changing() as lease:
        with world.content.ingest(lease, expected=digest, resume=True) as ingest:
            ingest.write(layer)
            ingest.commit()
        world.store.put(target, [])
    world.store.remove("app:1", in_use=lambda i: [])
    assert world.left_over() == []


def test_collection_beside_many_makers_takes_nothing_from_them(world, build):
    """Four threads load and remove images that share a layer, while garbage is collected."""
    shared = build.layer({"shared": b"s" * 500})
    stop, failures = threading.Event(), []

    def collect():
        while not stop.is_set():
            world.store.collect_garbage()

    def make(number):
        name = f"app:{number}"
        archive = build.docker(([name], [shared, build.layer({"own": bytes([number])})]))
        try:
            for _ in range(6):
                list(world.store.load([archive]))
                image = world.store.resolve(name)
                assert all(world.content.has(layer.digest) for layer in image.manifest.layers)
                assert world.store.unpack(image) in world.snapshotter.committed
                world.store.remove(name, in_use=lambda i: [])
        except Exception as err:
            failures.append(err)

    collector = threading.Thread(target=collect)
    makers = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in (collector, *makers):
        thread.start()
    for thread in makers:
        thread.join(30)
    stop.set()
    collector.join(10)
    assert failures == []
    assert world.left_over() == []


class Keeper:
    def __init__(self, blobs, chains):
        self.blobs = lambda: blobs
        self.chain_ids = lambda: chains


def test_what_another_user_needs_is_no_garbage(world, build):
    layers = [build.layer({name: b"1"}) for name in "abc"]
    list(world.store.load([build.docker((["app:1"], layers))]))
    chain = world.store.resolve("app:1").chain_ids
    with world.content.lease() as lease:
        kept = world.content.put(b"kept", lease)
        lost = world.content.put(b"lost", lease)
    world.store.keep(Keeper([kept], chain[:2]))
    world.store.remove("app:1", in_use=lambda i: [])
    assert world.content.has(kept)
    assert not world.content.has(lost)
    assert set(world.snapshotter.committed) == set(chain[:2])
