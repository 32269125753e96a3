"""The framing of stdout and stderr in one stream: eight bytes, then the payload. Sans I/O.

    byte 0: stream (0 stdin, 1 stdout, 2 stderr, 3 system error); 1-3: zero; 4-7: length, big endian

See: Engine API v1.55, /containers/{id}/attach, "Stream format".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HEADER_SIZE", "STDERR", "STDIN", "STDOUT", "FrameDecoder", "encode_frame"]

HEADER_SIZE = 8
STDIN, STDOUT, STDERR, SYSTEM_ERROR = range(4)

_HEADER = struct.Struct(">BxxxL")


def encode_frame(stream: int, payload: bytes) -> bytes:
    """Return one frame; payloads of 4 GiB or more are the caller's mistake."""
    return _HEADER.pack(stream, len(payload)) + payload


class FrameDecoder:
    """Turns bytes in any portions into (stream, payload part) pairs; holds at most one header.

    A payload is passed on as it comes, so a frame that claims 4 GiB costs no memory; a long
    payload therefore arrives as several pairs.
    """

    def __init__(self) -> None:
        self._header = b""
        self._stream = 0
        self._left = 0

    @property
    def at_boundary(self) -> bool:
        """True between frames: the only place where a stream may end."""
        return not self._left and not self._header

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield what `data` completes; raises InvalidArgument on a header that is none."""
        position = 0
        while position < len(data):
            if self._left:
                part = data[position : position + self._left]
                position += len(part)
                self._left -= len(part)
                yield self._stream, part
                continue
            wanted = HEADER_SIZE - len(self._header)
            self._header += data[position : position + wanted]
            position += wanted
            if len(self._header) == HEADER_SIZE:
                self._open(self._header)
                self._header = b""

    def _open(self, header: bytes) -> None:
        self._stream, self._left = _HEADER.unpack(header)
        if self._stream > SYSTEM_ERROR or header[1:4] != b"\0\0\0":
            raise InvalidArgument(f"unrecognized stream: {header[0]}")
