"""Descriptors: media type, digest and size of a piece of content.

See: OCI image-spec descriptor.md.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from baleen.errors import InvalidArgument
from baleen.oci.digest import Digest
from baleen.oci.platform import Platform

__all__ = ["Descriptor", "decode_document", "encode_document"]


Document = TypeVar("Document")


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A reference to content by digest; `size` is in bytes."""

    media_type: str
    digest: Digest
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    urls: list[str] | None = None
    annotations: dict[str, str] | None = None
    data: str | None = None
    platform: Platform | None = None
    artifact_type: str | None = None

    def annotation(self, key: str) -> str:
        """Return an annotation's value, or an empty string."""
        return (self.annotations or {}).get(key, "")


def _decode_hook(wanted: type, value: object) -> object:
    # msgspec adds the place in the document to a ValueError only.
    if wanted is not Digest or not isinstance(value, str):
        raise ValueError(f"Expected a digest, got {type(value).__name__}")
    try:
        return Digest(value)
    except InvalidArgument as err:
        raise ValueError(err.message) from err


def _encode_hook(value: object) -> object:
    if isinstance(value, Digest):
        return str(value)
    raise NotImplementedError(type(value))


def decode_document(raw: bytes, kind: type[Document], what: str) -> Document:
    """Parse the JSON document `raw`; `what` names it in the error.

    Raises:
        InvalidArgument: not JSON, a wrong type (with its place), or nested too deeply.
    """
    try:
        return msgspec.json.decode(raw, type=kind, dec_hook=_decode_hook)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"malformed {what}: {err}") from err


def encode_document(document: object) -> bytes:
    """Return the JSON of a document that we made; absent fields are left out."""
    return msgspec.json.encode(document, enc_hook=_encode_hook)
