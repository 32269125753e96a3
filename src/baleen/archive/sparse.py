"""Sparse files in archives: where the data of a file with holes belongs.

Four forms: GNU's old one, in the header and blocks behind it, and PAX 0.0, 0.1 (the map is in
the records) and 1.0 (it is in front of the data). The data of all segments follows without gaps.

See: GNU tar manual, "Storing Sparse Files" and "Sparse Formats".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SEGMENTS_LIMIT", "SPARSE_MAP", "check_map", "old_map", "pax_map", "read_pax_map"]

SEGMENTS_LIMIT = 1 << 17
"""Segments of one file; more is refused."""

SPARSE_MAP = b"GNU.sparse.map"
"""The PAX record of the map; those of form 0.0 are gathered under it as well."""

_BLOCK = 512
_DECIMAL = re.compile(rb"[0-9]{1,19}")

Segments = list[tuple[int, int]]
"""Offset in the file and bytes of each, ascending."""


def old_map(
    fields: bytes, number: Callable[[bytes], int], *, extended: bool = False
) -> tuple[Segments, bool]:
    """Return the segments in a header, or a block that extends it, and whether another follows.

    `number` parses a field of the header.
    """
    start, count, flag = (0, 21, 504) if extended else (386, 4, 482)
    segments = []
    for place in range(start, start + 24 * count, 24):
        offset, size = fields[place : place + 12], fields[place + 12 : place + 24]
        if not offset.strip(b"\0 "):
            break
        segments.append((number(offset), number(size)))
    return segments, fields[flag] not in b"\0 0"


def pax_map(records: Mapping[bytes, bytes]) -> Segments | None:
    """Return the map of the forms 0.0 and 0.1; None when these records are of another form."""
    text = records.get(SPARSE_MAP)
    if text is None:
        return None
    return _paired([_decimal(item) for item in text.split(b",")] if text else [])


def read_pax_map(take: Callable[[int], bytes]) -> tuple[Segments, int]:
    """Read the map of form 1.0, and return it with the bytes that it took.

    `take` returns the next bytes of the entry's data.
    """
    text, used = b"", 0
    numbers: list[int] = []
    wanted = 1
    while len(numbers) < wanted:
        end = text.find(b"\n")
        if end < 0:
            if len(text) > 20:
                raise _bad()
            text += take(_BLOCK)
            used += _BLOCK
            continue
        numbers.append(_decimal(text[:end]))
        text = text[end + 1 :]
        if len(numbers) == 1:
            if numbers[0] > SEGMENTS_LIMIT:
                raise _too_many()
            wanted = 1 + 2 * numbers[0]
    return _paired(numbers[1:]), used


def check_map(segments: Segments, real_size: int, stored: int) -> Segments:
    """Return the segments, empty ones left out.

    Raises:
        InvalidArgument: they overlap, leave the file of `real_size` bytes, are too many, or have
            not `stored` bytes together.
    """
    if len(segments) > SEGMENTS_LIMIT:
        raise _too_many()
    position = total = 0
    for offset, size in segments:
        if offset < position or offset + size > real_size:
            raise _bad()
        position = offset + size
        total += size
    if total != stored:
        raise _bad()
    return [segment for segment in segments if segment[1]]


def _paired(numbers: list[int]) -> Segments:
    if len(numbers) % 2:
        raise _bad()
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _decimal(text: bytes) -> int:
    if _DECIMAL.fullmatch(text) is None:
        raise _bad()
    return int(text)


def _bad() -> InvalidArgument:
    return InvalidArgument("archive is malformed: a bad map of a sparse file")


def _too_many() -> InvalidArgument:
    return InvalidArgument(f"a sparse file has more than {SEGMENTS_LIMIT} segments")
