"""COPY --link: layers on layers."""

from pathlib import Path

import pytest

from baleen.build.files.merging import Merges
from baleen.build.graph import Merge, Vertex
from baleen.build.session import LocalDirectory
from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest


def tree(*words):
    digests = [Digest.of(word) for word in words]
    return Tree(
        tuple(Descriptor(media_type="t", digest=digest, size=1) for digest in digests),
        tuple(digests),
    )


async def test_layers_are_put_on_each_other():
    vertex = Vertex(Merge())
    (merged,) = await Merges().run(vertex, [tree(b"a", b"b"), EMPTY, tree(b"c")], None, None)
    assert merged == tree(b"a", b"b", b"c")


async def test_a_context_is_no_tree():
    with pytest.raises(InvalidArgument, match="cannot merge"):
        await Merges().run(Vertex(Merge()), [LocalDirectory(Path("/x"))], None, None)
