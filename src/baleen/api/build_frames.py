"""The framing of a build's body and answer of our own content type. Sans I/O.

    byte 0: kind; 1-3: zero; 4-7: length, big endian; then the payload

A body is one PRELUDE (JSON), then for each context DATA frames closed by an empty one, then, while
the build runs, AGENT frames (four bytes of a channel's number, bytes of its agent; none: closed).
An answer is MESSAGE frames (one JSON object each), DATA frames of an output, and AGENT frames.
Kinds differ from those of containers' streams, so that nobody takes the one for the other.

See: docs/build.md, "The body of Baleen's own client".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AGENT",
    "CONTENT_TYPE",
    "DATA",
    "MESSAGE",
    "PRELUDE",
    "PRELUDE_LIMIT",
    "BuildFrames",
    "encode_build_frame",
]

CONTENT_TYPE = "application/vnd.baleen.build.v1"
PRELUDE, DATA, AGENT, MESSAGE = 0x10, 0x11, 0x12, 0x13
PRELUDE_LIMIT = 4 << 20

_HEADER = struct.Struct(">B3sL")
_WHOLE = frozenset({PRELUDE, AGENT, MESSAGE})


def encode_build_frame(kind: int, payload: bytes) -> bytes:
    """Return one frame."""
    return _HEADER.pack(kind, b"\0\0\0", len(payload)) + payload


class BuildFrames:
    """Turns bytes in any portions into (kind, payload); of DATA parts, of all else whole payloads.

    An empty DATA payload is the end of what the DATA frames before it made up.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._data_left = 0

    @property
    def at_boundary(self) -> bool:
        """True between frames: the only place where a stream may end."""
        return not self._buffer and not self._data_left

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield what `data` completes.

        Raises:
            InvalidArgument: a header that is none, or a payload over the limit.
        """
        position = 0
        while position < len(data):
            if self._data_left:
                part = data[position : position + self._data_left]
                position += len(part)
                self._data_left -= len(part)
                yield DATA, part
                continue
            wanted = self._wanted()
            part = data[position : position + wanted]
            position += len(part)
            self._buffer += part
            if len(part) == wanted:
                yield from self._complete()

    def _wanted(self) -> int:
        if len(self._buffer) < _HEADER.size:
            return _HEADER.size - len(self._buffer)
        length: int = _HEADER.unpack_from(self._buffer)[2]
        return _HEADER.size + length - len(self._buffer)

    def _complete(self) -> Iterator[tuple[int, bytes]]:
        kind, zeros, length = _HEADER.unpack_from(self._buffer)
        if zeros != b"\0\0\0" or (kind != DATA and kind not in _WHOLE):
            raise InvalidArgument(f"malformed body of a build: unknown frame {kind:#x}")
        if kind == DATA:
            self._buffer.clear()
            self._data_left = length
            if not length:
                yield DATA, b""
        elif length > PRELUDE_LIMIT:
            raise InvalidArgument(f"malformed body of a build: a frame of {length} bytes")
        elif len(self._buffer) == _HEADER.size + length:
            payload = bytes(self._buffer[_HEADER.size :])
            self._buffer.clear()
            yield kind, payload
