"""`docker import`: the archive of a root file system becomes an image of one layer.

See: Engine API, /images/create with `fromSrc`.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from isal import isal_zlib

from baleen.api.timestamps import format_rfc3339_nano
from baleen.archive.compression import MAGIC_BYTES, decompress, detect
from baleen.images.changes import apply_changes
from baleen.images.unpack import hashed
from baleen.oci.descriptor import Descriptor, encode_document
from baleen.oci.digest import Digest
from baleen.oci.image import ExecutionConfig, HistoryEntry, ImageConfig, RootFs
from baleen.oci.manifest import Manifest
from baleen.oci.media_types import OCI_CONFIG, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST
from baleen.oci.platform import parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from baleen.content.store import ContentStore, Ingest, Lease
    from baleen.oci.platform import Platform

__all__ = ["import_archive", "put_image"]

_KEPT = {"gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}
_GZIP_LEVEL = 2


def import_archive(
    content: ContentStore,
    lease: Lease,
    chunks: Iterable[bytes],
    *,
    message: str,
    changes: Sequence[str],
    platform: str,
    host: Platform,
) -> Descriptor:
    """Store the archive as a layer and return the descriptor of a manifest for it.

    gzip and zstd archives are kept as they are, others become gzip. Whether it is a well-formed
    tar is found out when it is unpacked.
    """
    wanted = parse_platform(platform, default=host) if platform else host
    execution = apply_changes(ExecutionConfig(), changes)
    source = iter(chunks)
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= MAGIC_BYTES:
            break
    diff = hashlib.sha256()
    with content.ingest(lease) as ingest:
        kind = detect(head)
        raw = _rejoined(head, source)
        if kind in _KEPT:
            for piece in decompress(_teed(raw, ingest)):
                diff.update(piece)
        else:
            packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, 31)
            for piece in hashed(decompress(raw), diff):
                ingest.write(packer.compress(piece))
            ingest.write(packer.flush())
        layer = Descriptor(
            media_type=_KEPT.get(kind, OCI_LAYER_GZIP), digest=ingest.commit(), size=ingest.size
        )
    created = format_rfc3339_nano(time.time_ns())
    config = ImageConfig(
        created=created,
        architecture=wanted.architecture,
        os=wanted.os,
        variant=wanted.variant,
        config=execution,
        rootfs=RootFs(type="layers", diff_ids=[Digest.from_hasher("sha256", diff)]),
        history=[HistoryEntry(created=created, comment=message or "Imported from -")],
    )
    return put_image(content, lease, config, [layer])


def put_image(
    content: ContentStore, lease: Lease, config: ImageConfig, layers: Sequence[Descriptor]
) -> Descriptor:
    """Store a config and its manifest; return the manifest's descriptor."""
    raw_config = encode_document(config)
    manifest = Manifest(
        schema_version=2,
        media_type=OCI_MANIFEST,
        config=Descriptor(
            media_type=OCI_CONFIG, digest=content.put(raw_config, lease), size=len(raw_config)
        ),
        layers=list(layers),
    )
    raw = encode_document(manifest)
    return Descriptor(media_type=OCI_MANIFEST, digest=content.put(raw, lease), size=len(raw))


def _rejoined(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _teed(chunks: Iterator[bytes], ingest: Ingest) -> Iterator[bytes]:
    for chunk in chunks:
        ingest.write(chunk)
        yield chunk
