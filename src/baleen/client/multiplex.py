"""The 8-byte framing of a container's output without a terminal.

    [stream 0|1|2|3] [0 0 0] [length, 32 bits big endian] payload

See: Engine API, ContainerAttach, "Stream format". The decoder holds at most one header: payload is
handed on as it arrives, so a frame that claims 4 GiB costs nothing.
"""

from __future__ import annotations

from baleen.errors import DataLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.client.models import Buffer

__all__ = ["STDERR", "STDIN", "STDOUT", "SYSTEM_ERROR", "Demultiplexer"]

STDIN, STDOUT, STDERR, SYSTEM_ERROR = range(4)


class Demultiplexer:
    """Turns arriving bytes into (stream, payload piece) pairs."""

    __slots__ = ("_header", "_left", "_stream")

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._stream = STDOUT

    @property
    def at_boundary(self) -> bool:
        """Whether the bytes so far end with a whole frame."""
        return not self._left and not self._header

    def feed(self, data: Buffer) -> Iterator[tuple[int, memoryview]]:
        """Pieces of payload in `data`; views into it, valid while `data` is unchanged.

        Raises:
            DataLoss: a header that no engine sends.
        """
        view = memoryview(data)
        position, end = 0, len(view)
        while position < end:
            if self._left:
                piece = view[position : position + self._left]
                position += len(piece)
                self._left -= len(piece)
                yield self._stream, piece
                continue
            need = 8 - len(self._header)
            header = self._header + view[position : position + need].tobytes()
            position += need
            if len(header) < 8:
                self._header = header
                return
            self._header = b""
            if header[0] > SYSTEM_ERROR or header[1:4] != b"\0\0\0":
                raise DataLoss(f"unrecognized stream header {header.hex()} from the engine")
            self._stream = header[0]
            self._left = int.from_bytes(header[4:], "big")
