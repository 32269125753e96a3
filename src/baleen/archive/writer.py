"""Tar out: ustar headers, PAX records only where ustar has no room.

The same entry always gives the same bytes.

See: POSIX pax, "ustar Interchange Format" and "pax Extended Header".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from baleen.archive.entry import EntryType

if TYPE_CHECKING:
    from baleen.archive.entry import Entry

__all__ = ["END", "encode_header", "padding"]

_BLOCK = 512
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_OCTAL_7 = 0o7777777
_OCTAL_11 = 0o77777777777

END = bytes(2 * _BLOCK)
"""What closes an archive."""


def padding(size: int) -> bytes:
    """Return the zeros that follow `size` bytes of data."""
    return bytes(-size % _BLOCK)


def encode_header(entry: Entry) -> bytes:
    """Return the header of `entry`, preceded by a PAX header where needed.

    A directory's name gets its slash. Times are written in whole seconds, as Docker's layers
    have them.
    """
    name = entry.name
    if entry.type is EntryType.DIRECTORY and not name.endswith(b"/"):
        name += b"/"
    records: dict[bytes, bytes] = {
        b"SCHILY.xattr." + key.encode("utf-8", "surrogateescape"): value
        for key, value in entry.xattrs.items()
    }
    prefix, short = _split(name)
    if short is None:
        records[b"path"] = name
        short = name[:100]
    linkname = entry.linkname
    if len(linkname) > 100:
        records[b"linkpath"] = linkname
    mtime = entry.mtime_ns // 1_000_000_000
    size = entry.size if entry.type is EntryType.FILE else 0
    for key, value, limit in (
        (b"uid", entry.uid, _OCTAL_7),
        (b"gid", entry.gid, _OCTAL_7),
        (b"size", size, _OCTAL_11),
        (b"mtime", mtime, _OCTAL_11),
    ):
        if not 0 <= value <= limit:
            records[key] = b"%d" % value
    header = _block(
        short,
        prefix,
        entry.type.value,
        mode=entry.mode,
        uid=entry.uid if b"uid" not in records else 0,
        gid=entry.gid if b"gid" not in records else 0,
        size=size if b"size" not in records else 0,
        mtime=mtime if b"mtime" not in records else 0,
        linkname=linkname[:100],
        major=entry.major,
        minor=entry.minor,
    )
    return _pax(name, records) + header if records else header


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    """Return ustar's prefix and name, or no name when it does not fit or is not ASCII."""
    if not name.isascii():
        return b"", None
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    if cut <= 0 or len(name) - cut - 1 > 100:
        return b"", None
    return name[:cut], name[cut + 1 :]


def _pax(name: bytes, records: dict[bytes, bytes]) -> bytes:
    data = b"".join(_record(key, records[key]) for key in sorted(records))
    head, _, tail = name.rstrip(b"/").rpartition(b"/")
    title = (head[:60] + b"/PaxHeaders.0/" if head else b"PaxHeaders.0/") + tail[:24]
    return (
        _block(title, b"", b"x", mode=0, uid=0, gid=0, size=len(data), mtime=0)
        + data
        + padding(len(data))
    )


def _record(key: bytes, value: bytes) -> bytes:
    # The length counts itself.
    rest = len(key) + len(value) + 3
    length = rest + len(b"%d" % rest)
    if rest + len(b"%d" % length) != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def _block(
    name: bytes,
    prefix: bytes,
    kind: bytes,
    *,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    linkname: bytes = b"",
    major: int = 0,
    minor: int = 0,
) -> bytes:
    block = bytearray(
        _HEADER.pack(
            name,
            b"%07o" % mode,
            b"%07o" % uid,
            b"%07o" % gid,
            b"%011o" % size,
            b"%011o" % mtime,
            b" " * 8,
            kind,
            linkname,
            b"ustar\x0000",
            b"",
            b"",
            b"%07o" % major,
            b"%07o" % minor,
            prefix,
        )
    )
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
