r"""The grammar of what a request's path names: repositories, tags, digests.

    name      = component *( "/" component ), at most 255 bytes
    component = [a-z0-9]+ ((\.|_|__|-+)[a-z0-9]+)*
    reference = tag | digest

A request names exactly one spelling: nothing is lower-cased, decoded twice or cut, so what rights
were asked for is what is opened.

See: OCI distribution-spec spec.md, "Pulling manifests".
"""

from __future__ import annotations

import re

from baleen.errors import InvalidArgument
from baleen.oci.digest import Digest
from baleen.registry.errors import ApiError, Code

__all__ = ["is_name", "is_tag", "parse_digest", "parse_name", "parse_reference"]

_NAME_LIMIT = 255
# Linear: separators and letters exclude each other.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def is_name(text: str) -> bool:
    """Say whether `text` is a repository's name."""
    return len(text) <= _NAME_LIMIT and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Say whether `text` is a tag."""
    return _TAG.fullmatch(text) is not None


def parse_name(text: str) -> str:
    """Return `text`; ApiError NAME_INVALID when it names no repository."""
    if not is_name(text):
        raise ApiError(Code.NAME_INVALID, detail={"name": text[:_NAME_LIMIT]})
    return text


def parse_digest(text: str) -> Digest:
    """Return the digest; ApiError DIGEST_INVALID for a bad form or an unknown algorithm."""
    try:
        return Digest(text)
    except InvalidArgument as err:
        raise ApiError(Code.DIGEST_INVALID, err.message, detail={"digest": text[:256]}) from err


def parse_reference(text: str) -> Digest | str:
    """Return the digest, or the tag as text.

    Raises:
        ApiError: DIGEST_INVALID for what has a colon and is no digest, TAG_INVALID otherwise.
    """
    if ":" in text:
        return parse_digest(text)
    if not is_tag(text):
        raise ApiError(Code.TAG_INVALID, "invalid tag name", detail={"tag": text[:256]})
    return text
