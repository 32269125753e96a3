"""What a registry needs to know of a manifest that is pushed, and what it refuses.

The bytes are kept as they came. Work is bounded by the document: only what it names itself is
looked at, never what a child of it names.

See: OCI image-spec manifest.md, image-index.md; distribution-spec spec.md, "Pushing Manifests".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from baleen.errors import InvalidArgument
from baleen.oci.descriptor import Descriptor, encode_document
from baleen.oci.manifest import Index, Manifest, parse_index, parse_manifest
from baleen.oci.media_types import INDEX_TYPES, MANIFEST_TYPES
from baleen.registry.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.oci.digest import Digest

__all__ = ["Child", "Document", "read_document"]

_NONDISTRIBUTABLE = ("nondistributable", ".foreign.")


@dataclass(frozen=True, slots=True)
class Child:
    """Something that a manifest names.

    Attributes:
        required: whether the manifest can be pushed only after it.
    """

    digest: Digest
    size: int
    is_blob: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed manifest or index.

    Attributes:
        artifact_type: its own, or its config's media type.
        subject: digest of the manifest that it refers to, or None.
        descriptor: JSON, for the list of referrers; None without a subject.
        children: each digest once.
    """

    media_type: str
    artifact_type: str
    subject: Digest | None
    descriptor: bytes | None
    payload: bytes
    children: tuple[Child, ...]


def read_document(payload: bytes, digest: Digest, content_type: str) -> Document:
    """Parse what was pushed with the header `Content-Type: content_type`.

    Raises:
        ApiError: MANIFEST_INVALID, with the reason.
    """
    media_type = content_type.partition(";")[0].strip()
    if media_type in {"", "application/json", "application/octet-stream"}:
        media_type = _stated_type(payload)
    try:
        if media_type in INDEX_TYPES:
            index = parse_index(payload, media_type)
            children = [_child(entry, is_blob=False) for entry in index.manifests]
            return _document(
                index, index.artifact_type or "", media_type, payload, digest, children
            )
        if media_type not in MANIFEST_TYPES:
            raise InvalidArgument(f'unsupported media type "{media_type[:200]}"')
        manifest = parse_manifest(payload, media_type)
    except InvalidArgument as err:
        raise ApiError(Code.MANIFEST_INVALID, err.message) from err
    children = [_child(entry, is_blob=True) for entry in (manifest.config, *manifest.layers)]
    artifact_type = manifest.artifact_type or manifest.config.media_type
    return _document(manifest, artifact_type, media_type, payload, digest, children)


def _stated_type(payload: bytes) -> str:
    class _Stated(msgspec.Struct, rename="camel"):
        media_type: str = ""

    try:
        return msgspec.json.decode(payload, type=_Stated).media_type
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise ApiError(Code.MANIFEST_INVALID, f"malformed manifest: {err}") from err


def _child(descriptor: Descriptor, *, is_blob: bool) -> Child:
    # Layers that may not be distributed are fetched from their own URLs.
    elsewhere = bool(descriptor.urls) or any(
        mark in descriptor.media_type for mark in _NONDISTRIBUTABLE
    )
    return Child(descriptor.digest, descriptor.size, is_blob, not (is_blob and elsewhere))


def _document(
    parsed: Manifest | Index,
    artifact_type: str,
    media_type: str,
    payload: bytes,
    digest: Digest,
    children: Iterable[Child],
) -> Document:
    once: dict[Digest, Child] = {}
    for child in children:
        known = once.setdefault(child.digest, child)
        if known.size != child.size:
            raise ApiError(
                Code.MANIFEST_INVALID, f"the manifest names {child.digest} with two sizes"
            )
    descriptor = None
    if parsed.subject is not None:
        descriptor = encode_document(
            Descriptor(
                media_type=media_type,
                digest=digest,
                size=len(payload),
                artifact_type=artifact_type or None,
                annotations=parsed.annotations,
            )
        )
    return Document(
        media_type=media_type,
        artifact_type=artifact_type,
        subject=parsed.subject.digest if parsed.subject is not None else None,
        descriptor=descriptor,
        payload=payload,
        children=tuple(once.values()),
    )
