"""One layer out of its bytes: decompressed, hashed, and written into a snapshotter's draft."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.archive.apply import Unsettled, apply_alone, apply_layer, settle
from baleen.archive.compression import decompress
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.merge import merge_layer
from baleen.archive.prefetch import ahead
from baleen.archive.tree import DIRECTORY
from baleen.errors import DataLoss
from baleen.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import IO

    from baleen.archive.limits import Limits
    from baleen.images.image import Variant
    from baleen.oci.descriptor import Descriptor
    from baleen.snapshots.snapshotter import LayerDraft, Snapshotter

__all__ = [
    "LoneLayer",
    "gathered",
    "hashed",
    "is_unpacked",
    "pieces",
    "unpack_alone",
    "unpack_on",
    "wrong_diff_id",
]

_PIECE = 1 << 20
# Below this a thread costs more than it saves.
_SMALL = 2 << 20


@dataclass(slots=True)
class LoneLayer:
    """A layer unpacked into a draft of its own, without knowing what it stands on.

    Whoever has it commits or discards the draft. `diff_id` is None where it was not computed: the
    blob is not compressed, so its digest is the diff id.
    """

    draft: LayerDraft
    size_bytes: int
    diff_id: Digest | None
    unsettled: Unsettled

    def commit(self, snapshotter: Snapshotter, chain_id: Digest, parent: Digest | None) -> None:
        """Make it the layer `chain_id` on top of `parent`, which exists.

        Raises:
            NeedsLower: it has to be unpacked again, on its parent; the draft is still there.
        """
        with ExitStack() as stack:
            root, *below = _opened(stack, [self.draft.path, *snapshotter.lower(parent)])
            settle(root, below, self.unsettled)
        self.draft.commit(chain_id, parent, self.size_bytes)


def is_unpacked(snapshotter: Snapshotter, variant: Variant) -> bool:
    """Say whether all layers are on disk already."""
    return all(snapshotter.layer(chain_id) is not None for chain_id in variant.chain_ids)


def unpack_alone(
    snapshotter: Snapshotter,
    chunks: Iterable[bytes],
    *,
    algorithm: str = "sha256",
    size: int = 1 << 62,
    limits: Limits = DEFAULT_LIMITS,
) -> LoneLayer:
    """Unpack a layer, compressed or not, before its parent is known.

    Args:
        snapshotter: one whose layers are independent.
        chunks: the blob; read to its end, unless this raises.
        algorithm: of the diff id; "" leaves it out.
        size: of the blob; small ones are unpacked in the caller's thread alone.
        limits: of the archive.

    Raises:
        NeedsLower: this layer can not; nothing was left.
        InvalidArgument: malformed; nothing was left.
        ResourceExhausted: no space, or a limit is crossed; nothing was left.
    """
    hasher = hashlib.new(algorithm) if algorithm else None
    with ExitStack() as undo:
        draft = undo.enter_context(snapshotter.draft())
        with ExitStack() as stack:
            (root,) = _opened(stack, [draft.path])
            uncompressed = _uncompressed(stack, chunks, size, limits)
            if hasher is not None:
                uncompressed = hashed(uncompressed, hasher)
            bytes_, unsettled = apply_alone(root, uncompressed, limits)
        undo.pop_all()
    diff_id = None if hasher is None else Digest.from_hasher(algorithm, hasher)
    return LoneLayer(draft, bytes_, diff_id, unsettled)


def unpack_on(
    snapshotter: Snapshotter,
    chunks: Iterable[bytes],
    descriptor: Descriptor,
    diff_id: Digest,
    chain_id: Digest,
    parent: Digest | None,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Unpack a layer on top of its parent, which exists, and commit it.

    Raises:
        DataLoss: it is not what the diff id says.
        InvalidArgument, ResourceExhausted: as `unpack_alone`.
    """
    hasher = hashlib.new(diff_id.algorithm)
    with ExitStack() as stack:
        draft = stack.enter_context(snapshotter.draft(parent))
        uncompressed = hashed(_uncompressed(stack, chunks, descriptor.size, limits), hasher)
        if snapshotter.independent:
            root, *below = _opened(stack, [draft.path, *snapshotter.lower(parent)])
            size = apply_layer(root, below, uncompressed, limits)
        else:
            (root,) = _opened(stack, [draft.path])
            size = merge_layer(root, uncompressed, limits)
        found = Digest.from_hasher(diff_id.algorithm, hasher)
        if found != diff_id:
            raise wrong_diff_id(descriptor, found, diff_id)
        draft.commit(chain_id, parent, size)


def wrong_diff_id(descriptor: Descriptor, found: Digest, wanted: Digest) -> DataLoss:
    """Return the error for a layer with other content than its image says."""
    return DataLoss(
        f"layer {descriptor.digest} unpacks to {found}, its image says {wanted}",
        hint="remove the image and pull or load it again",
    )


def _opened(stack: ExitStack, paths: Sequence[Path]) -> list[int]:
    directories = []
    for path in paths:
        directories.append(os.open(path, DIRECTORY))
        stack.callback(os.close, directories[-1])
    return directories


def _uncompressed(
    stack: ExitStack, chunks: Iterable[bytes], size: int, limits: Limits
) -> Iterator[bytes]:
    uncompressed = decompress(chunks, limits)
    return stack.enter_context(ahead(uncompressed)) if size > _SMALL else uncompressed


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Return what is left of a file in pieces of up to 1 MiB."""
    while piece := file.read(_PIECE):
        yield piece


def gathered(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Return the same bytes in pieces of about 1 MiB: each costs a change of threads."""
    pending: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        pending.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)


def hashed(chunks: Iterable[bytes], hasher: hashlib._Hash) -> Iterator[bytes]:
    """Pass the chunks on and add each to `hasher`."""
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
