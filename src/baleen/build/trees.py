"""Results of operations: file trees that never change, made of an image's layers.

A tree is named by its layers. Whoever holds one under the build's lease can look at its files, or
work on a draft on top of it; what the draft becomes is one layer more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest

__all__ = ["EMPTY", "Tree"]


@dataclass(frozen=True, slots=True)
class Tree:
    """Layers, the lowest first.

    Attributes:
        layers: descriptors of the layers' blobs, which are in the content store.
        diff_ids: digests of the uncompressed archives, one for each layer.
    """

    layers: tuple[Descriptor, ...] = ()
    diff_ids: tuple[Digest, ...] = ()


EMPTY = Tree()
