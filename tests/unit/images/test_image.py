"""What a target leads to is read with its limits, missing parts named."""

import pytest

from baleen.errors import DataLoss
from baleen.images.image import reachable, read_variants
from baleen.oci.descriptor import Descriptor, encode_document
from baleen.oci.manifest import Index
from baleen.oci.media_types import OCI_INDEX


def put_index(world, lease, *children):
    raw = encode_document(Index(schema_version=2, manifests=list(children)))
    return Descriptor(media_type=OCI_INDEX, digest=world.content.put(raw, lease), size=len(raw))


def test_every_blob_is_reachable(world, loaded):
    loaded("app:1")
    target = world.store.resolve("app:1").target
    assert set(reachable(world.content, target)) == world.blobs()


def test_manifests_of_an_index_that_are_not_here_are_left_out(world, loaded):
    loaded("app:1")
    here = world.store.resolve("app:1").target
    gone = Descriptor(
        media_type=here.media_type, digest=type(here.digest)("sha256:" + "0" * 64), size=5
    )
    with world.content.lease() as lease:
        index = put_index(world, lease, gone, here)
        assert [v.descriptor for v in read_variants(world.content, index)] == [here]
        assert gone.digest in set(reachable(world.content, index))
        with pytest.raises(DataLoss, match=f"content {gone.digest} is not in the store"):
            read_variants(world.content, put_index(world, lease, gone))
        with pytest.raises(DataLoss, match="no image manifest"):
            read_variants(world.content, put_index(world, lease))


def test_indexes_nest_only_so_deep(world, loaded):
    loaded("app:1")
    target = world.store.resolve("app:1").target
    with world.content.lease() as lease:
        for depth in range(1, 7):
            target = put_index(world, lease, target)
            if depth <= 4:
                assert len(read_variants(world.content, target)) == 1
            else:
                with pytest.raises(DataLoss):
                    read_variants(world.content, target)
            assert len(list(reachable(world.content, target))) <= 8
