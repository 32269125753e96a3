"""A record comes back from its document as it was."""

from __future__ import annotations

import pytest

from baleen.build.solver.records import CacheRecord, Output, decode_record, encode_record
from baleen.build.trees import Tree
from baleen.errors import InvalidArgument
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

LAYERS = [
    Descriptor(media_type="layer", digest=Digest.of(name.encode()), size=size)
    for name, size in (("a", 1), ("b", 10), ("c", 100))
]


def record(added):
    tree = Tree(tuple(LAYERS), tuple(layer.digest for layer in LAYERS))
    return CacheRecord(
        id="x", keys=["k"], outputs=[Output.of(tree)], added=[added], created_ns=1, last_used_ns=2
    )


def test_round_trip():
    assert decode_record(encode_record(record(1))) == record(1)
    assert record(1).trees[0].layers == tuple(LAYERS)


@pytest.mark.parametrize(("added", "size"), [(0, 0), (1, 100), (2, 110), (3, 111)])
def test_its_own_layers_are_the_topmost(added, size):
    assert record(added).size_bytes == size
    assert list(record(added).own_layers) == [layer.digest for layer in LAYERS[3 - added :]]


def test_damage_is_an_error():
    with pytest.raises(InvalidArgument, match="malformed build cache record"):
        decode_record(b'{"id": "x", "keys": "k"}')
