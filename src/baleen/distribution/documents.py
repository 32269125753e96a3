"""Manifests and indexes as they come from a registry: verified, and of one media type only.

The media types of the header, of the document and of the descriptor that led to it must agree, and
the document must not be readable as the other kind (CVE-2021-41190).

See: OCI distribution-spec spec.md, "Pulling manifests"; image-spec manifest.md, image-index.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from baleen.errors import DataLoss, InvalidArgument
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.manifest import MANIFEST_LIMIT, Index, Manifest, parse_index, parse_manifest
from baleen.oci.media_types import (
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
)

if TYPE_CHECKING:
    from baleen.oci.reference import Reference

__all__ = ["ACCEPT", "Document", "is_document", "read_document"]

_SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
)
# What says nothing: then the document itself must say what it is.
_GENERIC = frozenset({"", "application/json", "application/octet-stream", "text/plain"})

ACCEPT = ", ".join((OCI_INDEX, DOCKER_MANIFEST_LIST, OCI_MANIFEST, DOCKER_MANIFEST, _SCHEMA_1[0]))


@dataclass(frozen=True, slots=True)
class Document:
    """A verified manifest or index with its bytes."""

    descriptor: Descriptor
    raw: bytes
    content: Manifest | Index


class _Head(msgspec.Struct, rename="camel"):
    media_type: str | None = None
    schema_version: int | None = None


def is_document(media_type: str) -> bool:
    """Say whether a descriptor's content is a manifest or an index."""
    return media_type in MANIFEST_TYPES or media_type in INDEX_TYPES


def read_document(
    raw: bytes,
    content_type: str,
    reference: Reference,
    *,
    digest: Digest | None = None,
    expected: Descriptor | None = None,
) -> Document:
    """Verify what a registry sent.

    Args:
        raw: the body.
        content_type: the header.
        reference: for messages.
        digest: what it must have, where it was asked for by digest.
        expected: the descriptor that led to it, where one did.

    Raises:
        InvalidArgument: no manifest, ambiguous, schema 1, or media types that differ.
        DataLoss: not the digest or the size that were promised.
    """
    if expected is not None:
        digest = expected.digest
    if digest is not None and not digest.matches(raw):
        raise DataLoss(f"manifest verification failed for digest {digest}: the content has another")
    if expected is not None and expected.size != len(raw):
        raise DataLoss(
            f"manifest {digest} has {len(raw)} bytes, its descriptor says {expected.size}"
        )
    media_type = _media_type(raw, content_type, reference, expected)
    content: Manifest | Index
    if media_type in INDEX_TYPES:
        content = parse_index(raw, media_type)
    elif media_type in MANIFEST_TYPES:
        content = parse_manifest(raw, media_type)
    else:
        raise InvalidArgument(f'{reference.familiar}: unsupported media type "{media_type}"')
    descriptor = Descriptor(media_type=media_type, digest=digest or Digest.of(raw), size=len(raw))
    return Document(descriptor, raw, content)


def _media_type(
    raw: bytes, content_type: str, reference: Reference, expected: Descriptor | None
) -> str:
    header = content_type.partition(";")[0].strip().lower()
    head = _head(raw, header, reference)
    if header in _SCHEMA_1 or head.media_type in _SCHEMA_1 or head.schema_version == 1:
        raise InvalidArgument(
            f"{reference.familiar}: Docker Image manifest version 2, schema 1 is not supported",
            hint="ask its author to publish it as an OCI image, or as manifest version 2, schema 2",
        )
    stated = [text for text in (head.media_type, "" if header in _GENERIC else header) if text]
    if expected is not None:
        stated.append(expected.media_type)
    if not stated:
        raise InvalidArgument(f"{reference.familiar}: the manifest has no media type")
    if len(set(stated)) > 1:
        raise InvalidArgument(
            f"{reference.familiar}: media types of one manifest differ: "
            + ", ".join(f'"{text[:100]}"' for text in stated)
        )
    return stated[0]


def _head(raw: bytes, header: str, reference: Reference) -> _Head:
    if len(raw) > MANIFEST_LIMIT:
        raise InvalidArgument(f"image document is larger than {MANIFEST_LIMIT} bytes")
    try:
        return msgspec.json.decode(raw, type=_Head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        if header == "text/html" or raw.lstrip()[:1] == b"<":
            raise InvalidArgument(
                f"{reference.domain} answered with a web page instead of a manifest of "
                f"{reference.familiar}",
                hint="a captive portal or a proxy may be in the way",
            ) from err
        raise InvalidArgument(f"{reference.familiar}: malformed manifest: {err}") from err
