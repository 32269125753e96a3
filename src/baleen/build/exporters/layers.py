"""Layers packed otherwise: another compression, times set back.

See: BuildKit, docs of the exporters, `compression`, `force-compression`, `rewrite-timestamp`.
"""

from __future__ import annotations

import hashlib
import zlib
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import zstandard

from baleen.archive.compression import decompress
from baleen.archive.reader import TarReader
from baleen.archive.writer import END, encode_header, padding
from baleen.build.trees import Tree
from baleen.images.unpack import pieces
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.image import RootFs
from baleen.oci.media_types import OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baleen.build.exporters.built import Built
    from baleen.content.store import ContentStore, Lease

__all__ = ["recompressed", "with_times_until"]

_MEDIA_TYPES = {"gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD, "uncompressed": OCI_LAYER}


def recompressed(
    content: ContentStore,
    lease: Lease,
    built: Built,
    compression: str,
    *,
    level: int | None = None,
    everything: bool = False,
) -> Built:
    """Return the result with its new layers compressed as wanted; with `everything` the base's too.

    What has that form already stays. Files and diff ids do not change.
    """
    media_type = _MEDIA_TYPES[compression]
    layers = list(built.tree.layers)
    for place in range(0 if everything else built.base_layers, len(layers)):
        layer = layers[place]
        if _form(layer) != compression:
            plain = _plain(content, layer)
            layers[place] = _store(content, lease, plain, media_type, level)
    return replace(built, tree=Tree(tuple(layers), built.tree.diff_ids))


def with_times_until(content: ContentStore, lease: Lease, built: Built, epoch_ns: int) -> Built:
    """Return the result with no file of its new layers younger than `epoch_ns`."""
    layers, diff_ids = list(built.tree.layers), list(built.tree.diff_ids)
    for place in range(built.base_layers, len(layers)):
        layer = layers[place]
        hasher = hashlib.sha256()
        plain = _hashed(_clamped(_plain(content, layer), epoch_ns), hasher.update)
        layers[place] = _store(content, lease, plain, _MEDIA_TYPES[_form(layer)], None)
        diff_ids[place] = Digest.from_hasher("sha256", hasher)
    rootfs = RootFs(type="layers", diff_ids=diff_ids)
    return replace(
        built,
        tree=Tree(tuple(layers), tuple(diff_ids)),
        config=msgspec.structs.replace(built.config, rootfs=rootfs),
    )


def _form(layer: Descriptor) -> str:
    for name in ("gzip", "zstd"):
        if layer.media_type.endswith(name):
            return name
    return "uncompressed"


def _plain(content: ContentStore, layer: Descriptor) -> Iterator[bytes]:
    with content.open(layer.digest) as blob:
        yield from decompress(pieces(blob))


def _hashed(chunks: Iterator[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _store(
    content: ContentStore,
    lease: Lease,
    plain: Iterator[bytes],
    media_type: str,
    level: int | None,
) -> Descriptor:
    with ExitStack() as stack:
        ingest = stack.enter_context(content.ingest(lease))
        for piece in _compressed(plain, media_type, level):
            ingest.write(piece)
        digest = ingest.commit()
        return Descriptor(media_type=media_type, digest=digest, size=ingest.size)


def _compressed(plain: Iterator[bytes], media_type: str, level: int | None) -> Iterator[bytes]:
    """Compress; the same bytes come of the same, on every machine."""
    if media_type == OCI_LAYER:
        yield from plain
    elif media_type == OCI_LAYER_ZSTD:
        zstd = zstandard.ZstdCompressor(level=3 if level is None else level).compressobj()
        for chunk in plain:
            yield zstd.compress(chunk)
        yield zstd.flush()
    else:
        packer = zlib.compressobj(6 if level is None else level, zlib.DEFLATED, 31)
        for chunk in plain:
            yield packer.compress(chunk)
        yield packer.flush()


def _clamped(plain: Iterator[bytes], epoch_ns: int) -> Iterator[bytes]:
    reader = TarReader(plain)
    for entry in reader:
        entry.mtime_ns = min(entry.mtime_ns, epoch_ns)
        yield encode_header(entry)
        for piece in reader.data():
            yield bytes(piece)
        yield padding(entry.size)
    yield END
