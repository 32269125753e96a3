"""Manifests and indexes: which blobs make an image, and which image fits which platform.

See: OCI image-spec manifest.md, image-index.md; distribution's manifest-v2-2.md.
"""

from __future__ import annotations

import msgspec

from baleen.errors import InvalidArgument
from baleen.oci.descriptor import Descriptor, decode_document
from baleen.oci.media_types import INDEX_TYPES, MANIFEST_TYPES

__all__ = ["MANIFEST_LIMIT", "Index", "Manifest", "parse_index", "parse_manifest"]

# Bytes of one document; what registries must accept (distribution-spec, "Pushing Manifests").
MANIFEST_LIMIT = 4 << 20
# Overlay takes 500 lower directories, Docker 125 layers; an index of more children is an attack.
_LAYER_LIMIT = 500
_CHILD_LIMIT = 10_000


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The config and the layers of one image, base layer first."""

    schema_version: int
    config: Descriptor
    layers: list[Descriptor]
    media_type: str | None = None
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Manifests for several platforms, or other indexes."""

    schema_version: int
    manifests: list[Descriptor]
    media_type: str | None = None
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


def parse_manifest(raw: bytes, media_type: str) -> Manifest:
    """Parse a manifest whose descriptor or header says `media_type`.

    Raises:
        InvalidArgument: malformed, or the document could also be an index (CVE-2021-41190).
    """
    _check(raw, media_type, MANIFEST_TYPES, foreign="manifests")
    manifest = decode_document(raw, Manifest, "image manifest")
    if len(manifest.layers) > _LAYER_LIMIT:
        raise InvalidArgument(
            f"image manifest has {len(manifest.layers)} layers, the limit is {_LAYER_LIMIT}"
        )
    return manifest


def parse_index(raw: bytes, media_type: str) -> Index:
    """Parse an index whose descriptor or header says `media_type`.

    Raises:
        InvalidArgument: malformed, or the document could also be a manifest (CVE-2021-41190).
    """
    _check(raw, media_type, INDEX_TYPES, foreign="config", other="layers")
    index = decode_document(raw, Index, "image index")
    if len(index.manifests) > _CHILD_LIMIT:
        raise InvalidArgument(
            f"image index has {len(index.manifests)} manifests, the limit is {_CHILD_LIMIT}"
        )
    return index


def _check(
    raw: bytes, media_type: str, allowed: frozenset[str], *, foreign: str, other: str = ""
) -> None:
    if len(raw) > MANIFEST_LIMIT:
        raise InvalidArgument(f"image document is larger than {MANIFEST_LIMIT} bytes")
    if media_type not in allowed:
        raise InvalidArgument(f'unsupported media type "{media_type}"')
    fields = decode_document(raw, dict[str, msgspec.Raw], "image document")
    for field in (foreign, other):
        if field and bytes(fields.get(field, b"null")) != b"null":
            raise InvalidArgument(f'image document of type "{media_type}" has a field "{field}"')
    version = bytes(fields.get("schemaVersion", b""))
    if version != b"2":
        raise InvalidArgument("image document has no schemaVersion 2")
    stated = fields.get("mediaType")
    if stated is not None and bytes(stated) != b"null":
        inside = decode_document(bytes(stated), str, "mediaType of an image document")
        if inside and inside != media_type:
            raise InvalidArgument(
                f'image document says media type "{inside}", its descriptor "{media_type}"'
            )
