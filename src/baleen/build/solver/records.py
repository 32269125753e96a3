"""What the cache keeps about one result."""

from __future__ import annotations

import msgspec

from baleen.build.trees import Tree
from baleen.oci.descriptor import Descriptor, decode_document, encode_document
from baleen.oci.digest import Digest

__all__ = ["CacheRecord", "Output", "decode_record", "encode_record"]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A tree, as `trees.Tree`."""

    layers: list[Descriptor]
    diff_ids: list[Digest]

    @classmethod
    def of(cls, tree: Tree) -> Output:
        """Return what is stored of a tree."""
        return cls(layers=list(tree.layers), diff_ids=list(tree.diff_ids))

    @property
    def tree(self) -> Tree:
        """The tree."""
        return Tree(tuple(self.layers), tuple(self.diff_ids))


class CacheRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One result.

    Attributes:
        id: 25 characters, as BuildKit's records have.
        keys: under which it is found.
        type: `regular`, `source.local`, `source.git.checkout`, `exec.cachemount`.
        description: the step, for people.
        operation: digest of the operation alone, to find what is near.
        base: identity of input 0, or "".
        parents: ids of the records that its inputs are results of.
        outputs: one tree each.
        added: how many layers of each output are its own, the topmost.
        created_ns, last_used_ns: since 1970.
        uses: how often it was found.
        imported: it came from elsewhere.
    """

    id: str
    keys: list[str]
    type: str = "regular"
    description: str = ""
    operation: str = ""
    base: str = ""
    parents: list[str] = []
    outputs: list[Output]
    added: list[int] = []
    created_ns: int
    last_used_ns: int
    uses: int = 0
    imported: bool = False

    @property
    def own_layers(self) -> dict[Digest, int]:
        """The blobs that are there because of it, with their sizes."""
        found: dict[Digest, int] = {}
        for output, count in zip(self.outputs, self.added, strict=False):
            for layer in output.layers[len(output.layers) - count :]:
                found[layer.digest] = layer.size
        return found

    @property
    def size_bytes(self) -> int:
        """What its own blobs take."""
        return sum(self.own_layers.values())

    @property
    def trees(self) -> tuple[Tree, ...]:
        """The outputs as trees."""
        return tuple(output.tree for output in self.outputs)


def encode_record(record: CacheRecord) -> bytes:
    """Return the record's document."""
    return encode_document(record)


def decode_record(raw: bytes) -> CacheRecord:
    """Parse a document.

    Raises:
        InvalidArgument: it is damaged.
    """
    return decode_document(raw, CacheRecord, "build cache record")
