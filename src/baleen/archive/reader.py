"""A streaming tar reader: ustar, old tar, GNU long names and PAX, strict and bounded.

It takes the archive as an iterator of byte strings and copies no file data. Every header's
checksum is verified, every number is parsed by the grammar of the format, extension headers have
limits. The data of a sparse file is what is stored of it (`sparse`). Multi-volume archives are
refused.

    for entry in (reader := TarReader(chunks)):
        for piece in reader.data(): ...      # optional; what is left is skipped

See: POSIX pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar
Format".
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from baleen.archive.entry import Entry, EntryType
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.names import NAME_LIMIT, shown
from baleen.archive.sparse import (
    SEGMENTS_LIMIT,
    SPARSE_MAP,
    check_map,
    old_map,
    pax_map,
    read_pax_map,
)
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.archive.limits import Limits

__all__ = ["TarReader"]

_BLOCK = 512
_ZERO_BLOCK = bytes(_BLOCK)
# name mode uid gid size mtime checksum type linkname magic uname gname major minor prefix
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_USTAR_MAGIC = b"ustar\x0000"
_EXTENSION_BYTES = 1 << 20
_EXTENSION_COUNT = 8
_XATTR_BYTES = 64 << 10
_XATTR_PREFIX = b"SCHILY.xattr."
# 2**32 - 1 means "no change" to chown(2).
_ID_LIMIT = 2**32 - 2
_TYPES = {item.value: item for item in EntryType} | {
    b"\0": EntryType.FILE,
    b"7": EntryType.FILE,
    b"S": EntryType.FILE,
}
_DECIMAL_TIME = re.compile(rb"(-?)([0-9]{1,18})(?:\.([0-9]{0,18})[0-9]{0,32})?")
_SPARSE_PAIRS = frozenset({b"GNU.sparse.offset", b"GNU.sparse.numbytes"})
_DECIMAL = re.compile(rb"[0-9]{1,20}")


class TarReader:
    """Iterates over the entries of one archive. See the module's text.

    Raises:
        InvalidArgument: the archive is malformed or truncated; the entry is named.
        ResourceExhausted: a limit is crossed.
    """

    def __init__(self, chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> None:
        self._chunks = iter(chunks)
        self._limits = limits
        self._buffer = b""
        self._position = 0
        self._remaining = 0
        self._padding = 0
        self._last_name = b""

    def __iter__(self) -> Iterator[Entry]:
        count = 0
        while (entry := self._next()) is not None:
            count += 1
            self._limits.check_entries(count)
            yield entry
            self._skip_rest()

    def data(self) -> Iterator[memoryview]:
        """Return the data of the current entry in pieces; each is valid until the next one."""
        while self._remaining:
            if self._position == len(self._buffer):
                self._fill()
            end = min(len(self._buffer), self._position + self._remaining)
            piece = memoryview(self._buffer)[self._position : end]
            self._position = end
            self._remaining -= len(piece)
            yield piece

    def read(self, limit: int) -> bytes:
        """Return the whole data of the current entry; InvalidArgument above `limit` bytes."""
        if self._remaining > limit:
            raise InvalidArgument(
                f"archive entry {shown(self._last_name)} is larger than {limit} bytes"
            )
        return b"".join(self.data())

    def drain(self) -> None:
        """Read what follows the end of the archive, so that whoever hashes it sees all of it."""
        self._buffer, self._position = b"", 0
        for _ in self._chunks:
            pass

    def _fill(self) -> None:
        for chunk in self._chunks:
            if chunk:
                self._buffer, self._position = chunk, 0
                return
        raise InvalidArgument(
            f"archive is truncated after entry {shown(self._last_name)}"
            if self._last_name
            else "archive is truncated"
        )

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end <= len(self._buffer):
            piece = self._buffer[self._position : end]
            self._position = end
            return piece
        pieces = [self._buffer[self._position :]]
        missing = size - len(pieces[0])
        while missing:
            self._fill()
            pieces.append(self._buffer[:missing])
            self._position = len(pieces[-1])
            missing -= self._position
        return b"".join(pieces)

    def _skip_rest(self) -> None:
        for _ in self.data():
            pass
        if self._padding:
            # Docker's command line leaves out the last one of a context that it adds a file to.
            if not self._at_end():
                self._take(self._padding)
            self._padding = 0

    def _at_end(self) -> bool:
        """Whether nothing at all follows: an archive may lack its two zero blocks."""
        while self._position == len(self._buffer):
            chunk = next(self._chunks, None)
            if chunk is None:
                return True
            self._buffer, self._position = chunk, 0
        return False

    def _begin_data(self, size: int) -> None:
        self._remaining = size
        self._padding = -size % _BLOCK

    def _next(self) -> Entry | None:
        extensions: dict[bytes, bytes] = {}
        for _ in range(_EXTENSION_COUNT):
            if self._at_end():
                if extensions:
                    raise self._malformed("an extension header without an entry")
                return None
            block = self._take(_BLOCK)
            if block == _ZERO_BLOCK:
                if not self._at_end() and self._take(_BLOCK) != _ZERO_BLOCK:
                    raise self._malformed("a lone zero block")
                return None
            kind = block[156:157]
            if kind in b"xgLKV":
                self._read_extension(kind, block, extensions)
            else:
                return self._entry(block, extensions)
        raise self._malformed("too many extension headers in a row")

    def _read_extension(self, kind: bytes, block: bytes, extensions: dict[bytes, bytes]) -> None:
        self._verify(block)
        size = self._number(block[124:136], "size")
        if size > _EXTENSION_BYTES:
            raise self._malformed(f"an extension header of {size} bytes")
        self._begin_data(size)
        data = b"".join(self.data())
        self._skip_rest()
        if kind == b"x":
            extensions.update(self._pax_records(data))
        elif kind == b"L":
            extensions.setdefault(b"path", data.rstrip(b"\0"))
        elif kind == b"K":
            extensions.setdefault(b"linkpath", data.rstrip(b"\0"))
        # Global PAX headers (git's commit id) and volume labels say nothing about a file.

    def _pax_records(self, data: bytes) -> dict[bytes, bytes]:
        records: dict[bytes, bytes] = {}
        position = 0
        while position < len(data):
            space = data.find(b" ", position, position + 21)
            digits = data[position:space]
            if space < 0 or not digits.isdigit():
                raise self._malformed("a bad PAX record")
            end = position + int(digits)
            key, equals, value = data[space + 1 : end - 1].partition(b"=")
            if end > len(data) or data[end - 1 : end] != b"\n" or not equals or not key:
                raise self._malformed("a bad PAX record")
            if key in _SPARSE_PAIRS and SPARSE_MAP in records:
                # Form 0.0 gives each number a record of the same name.
                records[SPARSE_MAP] += b"," + value
            else:
                records[SPARSE_MAP if key in _SPARSE_PAIRS else key] = value
            position = end
        return records

    def _entry(self, block: bytes, extensions: dict[bytes, bytes]) -> Entry:
        (
            name,
            mode,
            uid,
            gid,
            size,
            mtime,
            _,
            kind,
            linkname,
            magic,
            _,
            _,
            major,
            minor,
            prefix,
        ) = _HEADER.unpack(block)
        name = name.partition(b"\0")[0]
        if magic == _USTAR_MAGIC and prefix[0]:
            name = prefix.partition(b"\0")[0] + b"/" + name
        name = extensions.get(b"path", name)
        self._last_name = name
        self._verify(block)
        if len(name) > NAME_LIMIT:
            raise self._malformed("a name that is too long")
        entry_type = _TYPES.get(kind)
        if entry_type is None:
            raise InvalidArgument(
                f"archive entry {shown(name)} is of type {kind!r}, which is not supported"
            )
        if entry_type is EntryType.FILE and name.endswith(b"/"):
            entry_type = EntryType.DIRECTORY
        entry = Entry(
            name=name,
            type=entry_type,
            mode=self._number(mode, "mode") & 0o7777,
            uid=self._number(uid, "uid"),
            gid=self._number(gid, "gid"),
            size=self._number(size, "size"),
            mtime_ns=self._number(mtime, "mtime", signed=True) * 1_000_000_000,
            linkname=linkname.partition(b"\0")[0],
        )
        if entry_type is EntryType.CHAR or entry_type is EntryType.BLOCK:
            entry.major = self._number(major, "device number")
            entry.minor = self._number(minor, "device number")
        if extensions:
            self._extend(entry, extensions)
        if entry.uid > _ID_LIMIT or entry.gid > _ID_LIMIT:
            raise self._malformed("a uid or gid out of range")
        if entry_type is not EntryType.FILE:
            # Whatever a link or directory claims, no data follows it (as Go reads it).
            entry.size = 0
        self._begin_data(entry.size)
        if kind == b"S":
            self._old_sparse(entry, block)
        elif entry_type is EntryType.FILE and b"GNU.sparse." in b"".join(extensions):
            self._pax_sparse(entry, extensions)
        return entry

    def _old_sparse(self, entry: Entry, block: bytes) -> None:
        def number(field: bytes) -> int:
            return self._number(field, "sparse map")

        segments, more = old_map(block, number)
        stored = entry.size
        while more:
            if len(segments) > SEGMENTS_LIMIT:
                raise self._malformed("a sparse file with too many segments")
            # Blocks of the map come before the data and are not counted in its size.
            found, more = old_map(self._take(_BLOCK), number, extended=True)
            segments += found
        self._set_sparse(entry, segments, number(block[483:495]), stored)

    def _pax_sparse(self, entry: Entry, extensions: dict[bytes, bytes]) -> None:
        name = extensions.get(b"GNU.sparse.name")
        if name is not None:
            self._last_name = entry.name = name
        stored = entry.size
        segments = pax_map(extensions)
        if segments is None:
            if extensions.get(b"GNU.sparse.major") != b"1":
                raise self._malformed("a sparse file of an unknown form")
            segments, used = read_pax_map(self._take_data)
            stored -= used
        real = extensions.get(b"GNU.sparse.realsize", extensions.get(b"GNU.sparse.size", b""))
        if _DECIMAL.fullmatch(real) is None:
            raise self._malformed("a bad size of a sparse file")
        self._set_sparse(entry, segments, int(real), stored)

    def _take_data(self, size: int) -> bytes:
        if size > self._remaining:
            raise self._malformed("a sparse file that ends in its map")
        self._remaining -= size
        return self._take(size)

    def _set_sparse(
        self, entry: Entry, segments: list[tuple[int, int]], real: int, stored: int
    ) -> None:
        self._limits.check_file(real)
        entry.segments = check_map(segments, real, stored)
        entry.size = real

    def _extend(self, entry: Entry, extensions: dict[bytes, bytes]) -> None:
        for key, value in extensions.items():
            if key == b"linkpath":
                entry.linkname = value
            elif key in (b"size", b"uid", b"gid"):
                if _DECIMAL.fullmatch(value) is None:
                    raise self._malformed(f"a bad PAX {key.decode()}")
                setattr(entry, key.decode(), int(value))
            elif key == b"mtime":
                entry.mtime_ns = self._pax_time(value)
            elif key.startswith(_XATTR_PREFIX):
                if len(value) > _XATTR_BYTES:
                    raise self._malformed("an extended attribute that is too large")
                xattr = key[len(_XATTR_PREFIX) :].decode("utf-8", "surrogateescape")
                entry.xattrs[xattr] = value
        if entry.size >= 1 << 63 or len(entry.linkname) > NAME_LIMIT:
            raise self._malformed("a size or link name out of range")

    def _pax_time(self, value: bytes) -> int:
        match = _DECIMAL_TIME.fullmatch(value)
        if match is None:
            raise self._malformed("a bad PAX mtime")
        sign, seconds, fraction = match.groups()
        nanoseconds = int(seconds) * 1_000_000_000 + int((fraction or b"")[:9].ljust(9, b"0"))
        return -nanoseconds if sign else nanoseconds

    def _number(self, field: bytes, what: str, *, signed: bool = False) -> int:
        """Parse octal text, or GNU's base-256 when the first bit is set."""
        if field[0] & 0x80:
            value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
            if field[0] & 0x40:
                value -= 1 << (8 * len(field) - 1)
            if abs(value) >= 1 << 63 or (value < 0 and not signed):
                raise self._malformed(f"a {what} out of range")
            return value
        text = field.strip(b" \0")
        if not text:
            return 0
        if not text.isdigit() or b"8" in text or b"9" in text:
            raise self._malformed(f"a bad {what}")
        return int(text, 8)

    def _verify(self, block: bytes) -> None:
        stated = self._number(block[148:156], "checksum")
        total = sum(block) - sum(block[148:156]) + 8 * 0x20
        if total == stated:
            return
        # Old Sun tars added up signed bytes.
        signed = total - 256 * sum(byte > 127 for byte in block[:148] + block[156:])
        if signed != stated:
            raise self._malformed("a header with a wrong checksum")

    def _malformed(self, what: str) -> InvalidArgument:
        where = f" at entry {shown(self._last_name)}" if self._last_name else ""
        return InvalidArgument(f"archive is malformed{where}: {what}")
