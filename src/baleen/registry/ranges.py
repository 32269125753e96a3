"""Ranges of bytes: of downloads (`Range`) and of uploads (`Content-Range`).

See: RFC 9110 §14; OCI distribution-spec spec.md, "Pushing a blob in chunks", whose `Content-Range`
is `<start>-<end>` without a unit.
"""

from __future__ import annotations

import re

from baleen.registry.errors import ApiError, Code

__all__ = ["parse_content_range", "parse_range"]

# 19 digits: no number that a file can have is longer.
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
_CONTENT_RANGE = re.compile(r"(?:bytes[ =])?([0-9]{1,19})-([0-9]{1,19})(?:/(?:\*|[0-9]{1,19}))?")


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return first and behind-last byte of a `Range` header; None to send all.

    A header that is malformed or has several ranges is ignored, as the RFC allows.

    Raises:
        ApiError: RANGE_INVALID (416) when nothing of the range is there.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if first:
        start, stop = int(first), int(last) + 1 if last else size
        if last and stop <= start:
            return None
    else:
        start, stop = max(size - int(last), 0), size
        start = size if last.strip("0") == "" else start
    if start >= size:
        raise ApiError(
            Code.RANGE_INVALID,
            f"the blob has {size} bytes",
            headers={"content-range": f"bytes */{size}"},
        )
    return start, min(stop, size)


def parse_content_range(header: str) -> tuple[int, int]:
    """Return first and behind-last byte of a chunk.

    Raises:
        ApiError: BLOB_UPLOAD_INVALID for a malformed one; RANGE_INVALID when it ends before it
        begins.
    """
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise ApiError(Code.BLOB_UPLOAD_INVALID, "malformed Content-Range")
    start, end = int(match[1]), int(match[2])
    if end < start:
        raise ApiError(Code.RANGE_INVALID)
    return start, end + 1
