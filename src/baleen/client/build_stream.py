"""The frames of a build's body and answer, the client's side of `api.build_frames`.

It is a second implementation of a few lines, because the first one's package takes as long to load
as a small build; a test holds the two together.

See: docs/build.md, "The body of Baleen's own client".
"""

from __future__ import annotations

import struct

from baleen.errors import DataLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["AGENT", "CONTENT_TYPE", "DATA", "MESSAGE", "PRELUDE", "frame", "read_frames"]

CONTENT_TYPE = "application/vnd.baleen.build.v1"
PRELUDE, DATA, AGENT, MESSAGE = 0x10, 0x11, 0x12, 0x13

_HEADER = struct.Struct(">B3sL")
_LIMIT = 64 << 20


def frame(kind: int, payload: bytes) -> bytes:
    """One frame."""
    return _HEADER.pack(kind, b"\0\0\0", len(payload)) + payload


def read_frames(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The frames of an answer; an empty DATA payload ends an output.

    Raises:
        DataLoss: it is no such stream, or ends within a frame.
    """
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        position = 0
        while len(buffer) - position >= _HEADER.size:
            kind, zeros, length = _HEADER.unpack_from(buffer, position)
            if zeros != b"\0\0\0" or kind not in (DATA, AGENT, MESSAGE) or length > _LIMIT:
                raise DataLoss("the engine's answer to the build is malformed")
            end = position + _HEADER.size + length
            if len(buffer) < end:
                break
            yield kind, bytes(buffer[position + _HEADER.size : end])
            position = end
        del buffer[:position]
    if buffer:
        raise DataLoss("the engine's answer to the build ends within a frame")
