"""Decompression of a stream whose format is found by its first bytes, in our own process.

gzip, zstd, xz and bzip2; anything else is passed on as it is. Memory is bounded whatever the input
says: output comes in pieces, windows are limited, and what expands too far is refused. No program
of the host or of a container is ever run for this (GHSA-x86f).

See: RFC 1952, RFC 8878, tukaani.org/xz/xz-file-format.txt.
"""

from __future__ import annotations

import bz2
import lzma
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import zstandard
from isal import igzip_lib, isal_zlib

from baleen.archive.limits import DEFAULT_LIMITS
from baleen.errors import InvalidArgument, ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from baleen.archive.limits import Limits

__all__ = ["MAGIC_BYTES", "Compression", "beginning", "decompress", "detect"]

Compression = str
"""`gzip`, `zstd`, `xz`, `bzip2`, or an empty string."""

_MAGIC: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
)
MAGIC_BYTES = 6
"""How many first bytes `detect` needs."""
# Of a zstd stream that begins with a skippable frame, as zstd:chunked layers may.
_SKIPPABLE_MAGIC_TAIL = b"\x2a\x4d\x18"

_PIECE = 1 << 20
# isal keeps what it could not take yet as a copy: small inputs keep that cheap (548 MB/s against
# 48 with the whole input at once).
_INPUT = 64 << 10
# zstandard's object has no bound on its output: 512 bytes can hold 128 run-length blocks of
# 128 KiB each.
_ZSTD_INPUT = 512
_WINDOW_LIMIT = 128 << 20
_EMPTY_MEMBERS = 4096


class _Engine(Protocol):
    """What all decompressors of one member (frame, stream) have in common."""

    @property
    def eof(self) -> bool:
        """Whether the member is complete."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Input behind the end of the member."""
        ...


@dataclass(frozen=True, slots=True)
class _Format:
    name: Compression
    engine: Callable[[], Any]
    pump: Callable[[Any, bytes], Iterator[bytes]]
    input_bytes: int
    zero_padding: bool


def beginning(source: Iterator[bytes]) -> bytes:
    """Take so much of the stream that `detect` can tell, or all of it; the rest stays there."""
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= MAGIC_BYTES:
            break
    return head


def detect(head: bytes) -> Compression:
    """Return the format that a stream beginning with `head` (6 bytes are enough) has."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[1:4] == _SKIPPABLE_MAGIC_TAIL and 0x50 <= head[0] <= 0x5F:
        return "zstd"
    return ""


def decompress(chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """Return the uncompressed stream in pieces of at most some MiB.

    The input is consumed to its end, so truncation and bytes behind the end are found.

    Raises:
        InvalidArgument: damaged, truncated, or followed by something else.
        ResourceExhausted: a limit is crossed; named.
    """
    source = iter(chunks)
    head = beginning(source)
    name = detect(head)
    consumed = [0]

    def counted() -> Iterator[bytes]:
        consumed[0] += len(head)
        if head:
            yield head
        for chunk in source:
            consumed[0] += len(chunk)
            yield chunk

    produced = 0
    pieces = _members(_FORMATS[name], counted()) if name else counted()
    for piece in pieces:
        produced += len(piece)
        limits.check_stream(produced, consumed[0])
        yield piece


def _members(form: _Format, chunks: Iterator[bytes]) -> Iterator[bytes]:
    engine: _Engine = form.engine()
    member_bytes = empty_members = 0
    between_members = False
    for chunk in chunks:
        for start in range(0, len(chunk), form.input_bytes):
            data = chunk[start : start + form.input_bytes]
            while data:
                if between_members and form.zero_padding:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                between_members = False
                for piece in _guarded(form, engine, data):
                    member_bytes += len(piece)
                    yield piece
                if not engine.eof:
                    break
                data = engine.unused_data
                empty_members += not member_bytes
                if empty_members > _EMPTY_MEMBERS:
                    raise ResourceExhausted(
                        f"archive has more than the limit of {_EMPTY_MEMBERS} empty "
                        f"{form.name} members"
                    )
                engine, member_bytes, between_members = form.engine(), 0, True
    if not between_members:
        raise InvalidArgument(f"archive is truncated: its {form.name} stream has no end")


def _guarded(form: _Format, engine: _Engine, data: bytes) -> Iterator[bytes]:
    try:
        for piece in form.pump(engine, data):
            if piece:
                yield piece
    except _ENGINE_ERRORS as err:
        raise InvalidArgument(f"archive is malformed: {form.name}: {err}") from err


def _pump_zlib(engine: Any, data: bytes) -> Iterator[bytes]:  # noqa: ANN401  # isal is untyped
    while True:
        piece: bytes = engine.decompress(data, _PIECE)
        yield piece
        data = engine.unconsumed_tail
        # A full piece may leave output inside that needs no more input.
        if engine.eof or (not data and len(piece) < _PIECE):
            return


def _pump_buffered(
    engine: bz2.BZ2Decompressor | lzma.LZMADecompressor, data: bytes
) -> Iterator[bytes]:
    yield engine.decompress(data, _PIECE)
    while not engine.eof and not engine.needs_input:
        yield engine.decompress(b"", _PIECE)


def _pump_zstd(engine: zstandard.ZstdDecompressionObj, data: bytes) -> Iterator[bytes]:
    yield engine.decompress(data)


def _gzip() -> Any:  # noqa: ANN401  # isal is untyped
    return isal_zlib.decompressobj(wbits=31)


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_WINDOW_LIMIT)


def _zstd() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW_LIMIT).decompressobj()


# bz2 says OSError; nothing inside of an engine reads a file.
_ENGINE_ERRORS: tuple[type[Exception], ...] = (
    cast("type[Exception]", igzip_lib.IsalError),
    lzma.LZMAError,
    zstandard.ZstdError,
    OSError,
    EOFError,
)
_FORMATS = {
    form.name: form
    for form in (
        _Format("gzip", _gzip, _pump_zlib, _INPUT, zero_padding=True),
        _Format("bzip2", bz2.BZ2Decompressor, _pump_buffered, _INPUT, zero_padding=False),
        _Format("xz", _xz, _pump_buffered, _INPUT, zero_padding=True),
        _Format("zstd", _zstd, _pump_zstd, _ZSTD_INPUT, zero_padding=False),
    )
}
