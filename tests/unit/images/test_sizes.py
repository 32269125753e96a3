"""Bytes on the disk are counted once, whoever shares them."""

from baleen.images.sizes import freed_bytes, image_bytes


def on_disk(world):
    return world.content.total_bytes() + sum(i.size_bytes for i in world.snapshotter.layers())


def test_what_removal_frees_is_told_before(world, build):
    base = build.layer({"base": b"b" * 3000})
    for number in "123":
        layers = [base, build.layer({number: number.encode() * 1000})]
        list(world.store.load([build.docker(([f"app:{number}"], layers))]))
    catalog = world.store._catalog
    ids = [str(world.store.find_id(f"app:{number}")) for number in "12"]
    everything = {str(digest) for digest in catalog.names.targets()}
    assert image_bytes(catalog, world.content, everything) == on_disk(world)
    told, before = freed_bytes(catalog, world.content, ids), on_disk(world)
    for image_id in ids:
        world.store.remove(image_id, in_use=lambda image: [])
    assert before - on_disk(world) == told > 2000
    assert freed_bytes(catalog, world.content, []) == 0
