"""`docker save`: images as one tar that is an OCI layout and has Docker's manifest.json too.

The same images give the same bytes: sorted, no times.

See: Engine API, /images/get, "Image tarball format"; OCI image-spec image-layout.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from baleen.archive.entry import Entry, EntryType
from baleen.archive.writer import END, encode_header, padding
from baleen.errors import DataLoss
from baleen.images.image import reachable
from baleen.images.unpack import pieces
from baleen.oci.descriptor import encode_document
from baleen.oci.manifest import Index
from baleen.oci.media_types import OCI_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.content.store import ContentStore
    from baleen.images.image import Variant
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.reference import Reference

__all__ = ["SaveItem", "save_archive"]


@dataclass(slots=True)
class SaveItem:
    """One image and the names under which it is saved."""

    target: Descriptor
    variants: Sequence[Variant]
    references: list[Reference] = field(default_factory=list)


def save_archive(
    content: ContentStore, items: Sequence[SaveItem], *, docker: bool = True
) -> Iterator[bytes]:
    """Return the archive; the blobs are read while it is consumed.

    Without `docker` it is an OCI layout alone, without Docker's manifest.json.

    Raises:
        DataLoss: a blob has shrunk or is gone; the archive is then cut off.
    """
    digests = sorted(
        {
            digest
            for item in items
            for digest in reachable(content, item.target)
            if content.has(digest)
        }
    )
    yield _directory(b"blobs/")
    for algorithm in sorted({digest.algorithm for digest in digests}):
        yield _directory(f"blobs/{algorithm}/".encode())
        for digest in digests:
            if digest.algorithm == algorithm:
                yield from _blob(content, digest)
    yield _file(b"index.json", encode_document(_index(items)))
    if docker:
        yield _file(b"manifest.json", _docker_manifest(items))
    yield _file(b"oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield END


def _directory(name: bytes) -> bytes:
    return encode_header(Entry(name=name, type=EntryType.DIRECTORY, mode=0o755))


def _file(name: bytes, data: bytes) -> bytes:
    header = encode_header(Entry(name=name, type=EntryType.FILE, mode=0o644, size=len(data)))
    return header + data + padding(len(data))


def _blob(content: ContentStore, digest: Digest) -> Iterator[bytes]:
    with content.open(digest) as blob:
        size = content.size(digest) or 0
        name = f"blobs/{digest.algorithm}/{digest.encoded}".encode()
        yield encode_header(Entry(name=name, type=EntryType.FILE, mode=0o444, size=size))
        hasher = digest.hasher()
        left = size
        for piece in pieces(blob):
            hasher.update(piece)
            yield piece[:left]
            left -= len(piece)
        if left or hasher.hexdigest() != digest.encoded:
            # The stream breaks off here: better no archive than a wrong one.
            raise DataLoss(
                f"content {digest} is corrupt: its bytes have another digest",
                hint="remove the image and pull or load it again",
            )
        yield padding(size)


def _index(items: Sequence[SaveItem]) -> Index:
    manifests = []
    for item in items:
        names: list[Reference | None] = [*item.references] or [None]
        for reference in names:
            annotations = dict(item.target.annotations or {})
            if reference is not None:
                annotations["io.containerd.image.name"] = str(reference)
                annotations["org.opencontainers.image.ref.name"] = reference.tag or ""
            manifests.append(msgspec.structs.replace(item.target, annotations=annotations or None))
    return Index(schema_version=2, media_type=OCI_INDEX, manifests=manifests)


def _docker_manifest(items: Sequence[SaveItem]) -> bytes:
    rows = []
    for item in items:
        variant = item.variants[0]
        rows.append(
            {
                "Config": _path(variant.manifest.config),
                "RepoTags": [reference.familiar for reference in item.references] or None,
                "Layers": [_path(layer) for layer in variant.manifest.layers],
            }
        )
    return msgspec.json.encode(rows)


def _path(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.encoded}"
