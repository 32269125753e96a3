"""A new layer out of a stream: its blob in the content store and its files in a draft, at once.

The stream is read once. Compression and the blob's hash take one thread, the diff id's hash and
the files another.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from isal import isal_zlib

from baleen.archive.compression import beginning, decompress, detect
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.prefetch import ahead
from baleen.images.feeding import LayerFeed
from baleen.images.unpack import gathered, hashed, pieces
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.media_types import OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.archive.limits import Limits
    from baleen.content.store import ContentStore, Lease
    from baleen.images.unpack import LoneLayer
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["NewLayer", "new_layer", "store_archive"]

_KEPT = {"gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}
# isal's fastest that compresses: 1.4 GB/s of text, and what can not be compressed stays as it is.
_GZIP_LEVEL = 1
_SMALL = 1 << 20


@dataclass(slots=True)
class NewLayer:
    """A context manager that discards the draft unless it was taken.

    Attributes:
        descriptor: of the blob, which is in the content store.
        diff_id: of the uncompressed archive.
        lone: the files, for `Unpacking.adopt`; None where they have to be unpacked from the blob.
    """

    descriptor: Descriptor
    diff_id: Digest
    lone: LoneLayer | None

    def take(self) -> LoneLayer | None:
        """Return `lone`, which is the caller's then."""
        lone, self.lone = self.lone, None
        return lone

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.lone is not None:
            self.lone.draft.discard()


def new_layer(
    content: ContentStore,
    snapshotter: Snapshotter,
    lease: Lease,
    chunks: Iterable[bytes],
    limits: Limits = DEFAULT_LIMITS,
) -> NewLayer:
    """Store the archive as a layer.

    gzip and zstd stay as they are. All else becomes gzip, or a plain tar if its beginning shows
    that it can not be made smaller.

    Raises:
        InvalidArgument: the archive is malformed.
        ResourceExhausted: no space, or a limit is crossed.
    """
    source = iter(chunks)
    head = beginning(source)
    kind = detect(head)
    with ExitStack() as stack:
        raw: Iterator[bytes] = gathered(_rejoined(head, source))
        if kind and kind not in _KEPT:
            raw = stack.enter_context(ahead(decompress(raw, limits)))
        ingest = stack.enter_context(content.ingest(lease))
        media_type = _KEPT.get(kind, "")
        if not media_type:
            first = next(raw, b"")
            raw = itertools.chain((first,), raw)
            media_type = OCI_LAYER_GZIP if _pays(first) else OCI_LAYER
        feed = None
        if snapshotter.independent:
            # Of a plain tar, the digest is the diff id.
            algorithm = "" if media_type == OCI_LAYER else "sha256"
            feed = stack.enter_context(LayerFeed(snapshotter, algorithm=algorithm, limits=limits))
        packed = raw if feed is None else _fed(raw, feed)
        if kind not in _KEPT and media_type == OCI_LAYER_GZIP:
            packed = _compressed(packed)
        for piece in packed:
            ingest.write(piece)
        lone = None if feed is None else feed.finish()
        with ExitStack() as undo:
            if lone is not None:
                undo.callback(lone.draft.discard)
            descriptor = Descriptor(media_type=media_type, digest=ingest.commit(), size=ingest.size)
            undo.pop_all()
    if media_type == OCI_LAYER:
        diff_id = descriptor.digest
    elif lone is not None and lone.diff_id is not None:
        diff_id = lone.diff_id
    else:
        diff_id = _diff_id(content, descriptor.digest, limits)
    if lone is not None:
        lone.diff_id = diff_id
    return NewLayer(descriptor, diff_id, lone)


def store_archive(
    content: ContentStore, lease: Lease, chunks: Iterable[bytes]
) -> tuple[Descriptor, Digest]:
    """Store a plain archive that was just packed as the blob of a layer; return it and the diff id.

    Up to 1 MiB stays a plain tar: its one digest is both. More becomes gzip, made in a thread of
    its own, unless its beginning shows that this does not pay.

    Raises:
        ResourceExhausted: no space.
    """
    with ExitStack() as stack:
        if isinstance(chunks, Generator):
            # An error keeps frames, and so the file that is just read: its room would not be free.
            stack.callback(chunks.close)
        raw = gathered(chunks)
        first = next(raw, b"")
        if len(first) < _SMALL:
            # Many steps make the same small layers: those are here already.
            first += b"".join(raw)
            digest = content.put(first, lease)
            return Descriptor(media_type=OCI_LAYER, digest=digest, size=len(first)), digest
        ingest = stack.enter_context(content.ingest(lease))
        if not _pays(first):
            ingest.write(first)
            for piece in raw:
                ingest.write(piece)
            digest = ingest.commit()
            return Descriptor(media_type=OCI_LAYER, digest=digest, size=ingest.size), digest
        hasher = hashlib.sha256()
        plain = hashed(itertools.chain((first,), raw), hasher)
        for piece in _compressed(stack.enter_context(ahead(plain))):
            ingest.write(piece)
        digest = ingest.commit()
        descriptor = Descriptor(media_type=OCI_LAYER_GZIP, digest=digest, size=ingest.size)
        return descriptor, Digest.from_hasher("sha256", hasher)


def _pays(sample: bytes) -> bool:
    """Whether gzip makes what begins with `sample` smaller by a tenth or more."""
    return len(isal_zlib.compress(sample, _GZIP_LEVEL)) < len(sample) * 0.9


def _fed(chunks: Iterator[bytes], feed: LayerFeed) -> Iterator[bytes]:
    for chunk in chunks:
        feed.write(chunk)
        yield chunk


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, 31)
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


def _diff_id(content: ContentStore, digest: Digest, limits: Limits) -> Digest:
    """Read a blob again: its files will be unpacked when what it stands on is known."""
    hasher = hashlib.sha256()
    with content.open(digest) as blob:
        for piece in decompress(pieces(blob), limits):
            hasher.update(piece)
    return Digest.from_hasher("sha256", hasher)


def _rejoined(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest
