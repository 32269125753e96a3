from __future__ import annotations

import pytest

from baleen.errors import Conflict, InvalidArgument, NotFound
from baleen.images.transfers import Blob, MissingBlob
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.media_types import OCI_LAYER, OCI_MANIFEST
from baleen.oci.platform import Platform


def give(world, offer):
    """Send the image to the store that it came from, after that has lost it."""
    missing = world.store.receive(offer.target, [str(name) for name in offer.names], offer.blobs)
    return {blob.digest: blob.received for blob in missing}


@pytest.fixture
def carried(world, loaded):
    """An image that was taken out of the store: its offer and its blobs."""
    loaded("a:1", files={"f": b"x" * 4000})
    offer = world.store.offer("a:1")
    blobs = {b.digest: b"".join(world.store.read_blob("a:1", b.digest)) for b in offer.blobs}
    world.store.remove("a:1", in_use=lambda _: ())
    assert not world.left_over()
    return offer, blobs


def test_there_is_no_name_before_everything_is_here(world, carried):
    offer, blobs = carried
    assert set(give(world, offer)) == set(blobs)
    for digest, data in blobs.items():
        assert not world.store.exists("a:1")
        world.store.put_blob(digest, len(data), [data])
    assert give(world, offer) == {}
    assert world.store.resolve("a:1").id == offer.target.digest
    assert world.events[-1] == ("load", str(offer.target.digest), {"name": "a:1"})


def test_an_offset_goes_on(world, carried):
    offer, blobs = carried
    digest, data = max(blobs.items(), key=lambda item: len(item[1]))

    def broken():
        yield data[:1000]
        raise InvalidArgument("the client closed the connection")

    with pytest.raises(InvalidArgument, match="closed"):
        world.store.put_blob(digest, len(data), broken())
    assert give(world, offer)[digest] == 1000
    with pytest.raises(Conflict, match="there are 1000 bytes"):
        world.store.put_blob(digest, len(data), [], offset=5)
    world.store.put_blob(digest, len(data), [data[1000:]], offset=1000)
    assert digest not in give(world, offer)


def test_wrong_bytes_are_refused_and_gone(world, carried):
    offer, blobs = carried
    digest, data = max(blobs.items(), key=lambda item: len(item[1]))
    for wrong in (data[:-1] + b"!", data + b"!", data[:-1]):
        with pytest.raises(InvalidArgument, match=str(digest)):
            world.store.put_blob(digest, len(data), [wrong])
        assert give(world, offer)[digest] == 0
    assert not world.left_over()


def test_what_is_no_image_gets_no_name(world, carried):
    offer, blobs = carried
    for digest, data in blobs.items():
        world.store.put_blob(digest, len(data), [data])
    layer = Descriptor(media_type=OCI_LAYER, digest=offer.target.digest, size=offer.target.size)
    with pytest.raises(InvalidArgument, match="media type"):
        world.store.receive(layer, ["x:1"], [])
    other = Descriptor(media_type=OCI_MANIFEST, digest=offer.target.digest, size=1)
    with pytest.raises(InvalidArgument, match="in that size"):
        world.store.receive(other, ["x:1"], [])
    with pytest.raises(InvalidArgument, match="is not sha256"):
        world.store.receive(offer.target, [f"x@sha256:{'0' * 64}"], [])
    assert not world.store.exists("x:1")


def test_a_list_without_a_layer_is_not_believed(world, carried):
    offer, blobs = carried
    layer = max(blobs, key=lambda digest: len(blobs[digest]))
    for digest, data in blobs.items():
        if digest != layer:
            world.store.put_blob(digest, len(data), [data])
    kept = [blob for blob in offer.blobs if blob.digest != layer]
    with pytest.raises(InvalidArgument, match="is not here in the size"):
        world.store.receive(offer.target, ["a:1"], kept)
    assert not world.store.exists("a:1")


def test_offers_by_name_id_and_platform(world, build, loaded):
    image_id = loaded("a:1")
    assert [str(n) for n in world.store.offer("a:1").names] == ["docker.io/library/a:1"]
    assert world.store.offer(str(image_id)).names == []
    digest_name = f"docker.io/library/a@{image_id}"
    assert [str(n) for n in world.store.offer(digest_name).names] == [digest_name]
    layers = [build.layer({"f": name}) for name in (b"1", b"2")]
    archive = build.oci(
        [
            (
                {"io.containerd.image.name": "docker.io/library/m:1"},
                [("amd64", layers[:1]), ("arm64", layers[1:])],
            )
        ]
    )
    list(world.store.load([archive]))
    arm = Platform(os="linux", architecture="arm64")
    whole, one = world.store.offer("m:1"), world.store.offer("m:1", platform=arm)
    assert one.target == whole.target
    assert (len(whole.blobs), len(one.blobs)) == (7, 4)
    assert Digest(build.digest(layers[0])) not in {blob.digest for blob in one.blobs}


def test_only_blobs_of_the_image_are_read(world, loaded):
    loaded("a:1")
    other = loaded("b:1", files={"g": b"other"})
    with pytest.raises(NotFound, match="has no content"):
        world.store.read_blob("a:1", other)
    whole = b"".join(world.store.read_blob("b:1", other))
    assert b"".join(world.store.read_blob("b:1", other, 5)) == whole[5:]


def test_what_is_missing_says_how_much_is_here(world):
    digest = Digest.of(b"x")
    target = Descriptor(media_type=OCI_MANIFEST, digest=digest, size=1)
    assert world.store.receive(target, [], [Blob(digest, 1)]) == [MissingBlob(digest, 0)]
