"""Layers out of blobs: from the content store, through decompression, into the snapshotter."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from baleen.archive.apply import apply_layer
from baleen.archive.compression import decompress
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.prefetch import ahead
from baleen.archive.tree import DIRECTORY
from baleen.errors import DataLoss, InvalidArgument, NotFound
from baleen.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from baleen.archive.limits import Limits
    from baleen.content.store import ContentStore
    from baleen.images.image import Variant
    from baleen.oci.descriptor import Descriptor
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["hashed", "is_unpacked", "pieces", "unpack_variant"]

_PIECE = 1 << 20
# Below this a thread costs more than it saves.
_SMALL = 2 << 20


def is_unpacked(snapshotter: Snapshotter, variant: Variant) -> bool:
    """Say whether all layers are on disk already."""
    return all(snapshotter.layer(chain_id) is not None for chain_id in variant.chain_ids)


def unpack_variant(
    content: ContentStore,
    snapshotter: Snapshotter,
    variant: Variant,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Descriptor]:
    """Unpack the layers that are not on disk yet, bottom first; yields each when it is done.

    Raises:
        DataLoss: a blob is missing or has other content than its diff id says; named.
        ResourceExhausted: no space, or a limit is crossed; the layer leaves nothing behind.
    """
    parent: Digest | None = None
    for descriptor, diff_id, chain_id in zip(
        variant.manifest.layers, variant.config.diff_ids, variant.chain_ids, strict=True
    ):
        if snapshotter.layer(chain_id) is None:
            try:
                _unpack_layer(content, snapshotter, descriptor, diff_id, chain_id, parent, limits)
            except (InvalidArgument, NotFound) as err:
                raise DataLoss(f"layer {descriptor.digest}: {err.message}") from err
            yield descriptor
        parent = chain_id


def _unpack_layer(
    content: ContentStore,
    snapshotter: Snapshotter,
    descriptor: Descriptor,
    diff_id: Digest,
    chain_id: Digest,
    parent: Digest | None,
    limits: Limits,
) -> None:
    hasher = hashlib.new(diff_id.algorithm)
    with ExitStack() as stack:
        blob = stack.enter_context(content.open(descriptor.digest))
        draft = stack.enter_context(snapshotter.draft(chain_id, parent))
        chunks: Iterator[bytes] = decompress(pieces(blob), limits)
        if descriptor.size > _SMALL:
            chunks = stack.enter_context(ahead(chunks))
        directories = []
        for path in (draft.path, *draft.lower):
            directories.append(os.open(path, DIRECTORY))
            stack.callback(os.close, directories[-1])
        size = apply_layer(directories[0], directories[1:], hashed(chunks, hasher), limits)
        found = Digest.from_hasher(diff_id.algorithm, hasher)
        if found != diff_id:
            raise DataLoss(
                f"layer {descriptor.digest} unpacks to {found}, its image says {diff_id}",
                hint="remove the image and pull or load it again",
            )
        draft.commit(size)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Return what is left of a file in pieces of up to 1 MiB."""
    while piece := file.read(_PIECE):
        yield piece


def hashed(chunks: Iterator[bytes], hasher: hashlib._Hash) -> Iterator[bytes]:
    """Pass the chunks on and add each to `hasher`."""
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
