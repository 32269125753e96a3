"""HTTP/1.1 as a client needs it: request heads, strict response heads, framed bodies.

Strict means RFC 9112 without its tolerances: CRLF only, no folding, no space before the colon, one
length, no transfer coding but `chunked`, and never both. A peer that breaks this is not believed.
"""

from __future__ import annotations

from baleen.errors import DataLoss, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from baleen.client.models import Buffer, QueryValue

__all__ = ["Connection", "ResponseHead", "encode_head", "encode_query", "parse_head", "quote"]

MAX_HEAD_BYTES = 64 * 1024
_READ_BYTES = 256 * 1024
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_UNRESERVED = frozenset(b"-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HEX = frozenset(b"0123456789abcdefABCDEF")


def quote(text: str, *, safe: str = "") -> str:
    """`text` percent-encoded; foreign bytes (surrogate escapes) come out as they were."""
    keep = _UNRESERVED | frozenset(safe.encode())
    return "".join(
        chr(b) if b in keep else f"%{b:02X}" for b in text.encode("utf-8", "surrogateescape")
    )


def encode_query(query: dict[str, QueryValue]) -> str:
    """`?k=v&...` or nothing. None leaves a key out, booleans are 1 and 0, a list repeats it."""
    pairs: list[str] = []
    for key, value in query.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        for item in values:
            text = ("1" if item else "0") if isinstance(item, bool) else str(item)
            pairs.append(f"{quote(key)}={quote(text)}")
    return "?" + "&".join(pairs) if pairs else ""


def encode_head(method: str, target: str, headers: dict[str, str]) -> bytes:
    """The bytes of a request head.

    Raises:
        ValueError: a control character in what would become the head (request splitting).
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    if any(not c.isprintable() for line in lines for c in line):
        raise ValueError("control character in a request head")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class ResponseHead:
    """Status and headers of one response; header names are lower case."""

    __slots__ = ("headers", "length", "reason", "status", "version")

    def __init__(
        self,
        status: int,
        reason: str,
        headers: dict[str, str],
        length: int | None,
        version: str,
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.length = length
        self.version = version

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return "transfer-encoding" in self.headers

    @property
    def keep_alive(self) -> bool:
        """Whether the peer keeps the connection after this response."""
        return self.version == "1.1" and "close" not in self.headers.get("connection", "").lower()


def parse_head(data: bytes) -> ResponseHead:
    """Parse a head without its final empty line.

    Raises:
        DataLoss: anything that RFC 9112 does not allow a server to send.
    """
    lines = data.split(b"\r\n")
    status_line = lines[0]
    if (
        status_line[:7] != b"HTTP/1."
        or status_line[7:8] not in {b"0", b"1"}
        or status_line[8:9] != b" "
        or not status_line[9:12].isdigit()
        or status_line[12:13] not in {b" ", b""}
    ):
        raise DataLoss("the engine's answer is not HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        raw_name, colon, raw_value = line.partition(b":")
        if not colon or not raw_name or not _TOKEN.issuperset(raw_name):
            raise DataLoss("malformed header in the engine's answer")
        value = raw_value.strip(b" \t").decode("latin-1")
        if any(c in "\r\n\0" for c in value):
            raise DataLoss("control character in a header of the engine's answer")
        name = raw_name.decode("ascii").lower()
        if name in {"content-length", "transfer-encoding"} and headers.get(name, value) != value:
            raise DataLoss(f"conflicting {name} headers in the engine's answer")
        headers[name] = value
    length = None
    if (text := headers.get("content-length")) is not None:
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise DataLoss("malformed content-length in the engine's answer")
        length = int(text)
    coding = headers.get("transfer-encoding")
    if coding is not None and (coding.lower() != "chunked" or length is not None):
        raise DataLoss("unsupported transfer-encoding in the engine's answer")
    return ResponseHead(
        int(status_line[9:12]),
        status_line[13:].decode("latin-1"),
        headers,
        length,
        status_line[5:8].decode(),
    )


class Connection:
    """A buffered stream that reads HTTP pieces; owns its socket until `detach`."""

    __slots__ = ("_buffer", "stream")

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._buffer = bytearray()

    def close(self) -> None:
        """Close the socket. Idempotent."""
        self.stream.close()

    def buffered(self) -> bool:
        """Whether bytes were received that nobody has read yet."""
        pending = getattr(self.stream, "pending", None)
        return bool(self._buffer) or bool(pending is not None and pending())

    def detach(self) -> tuple[socket.socket, bytes]:
        """Give the socket away, with the bytes that were received behind the head."""
        early = bytes(self._buffer)
        self._buffer.clear()
        return self.stream, early

    def buffered_size(self) -> int:
        """How many bytes wait in the buffer."""
        return len(self._buffer)

    def send(self, data: Buffer) -> None:
        """Send all of `data`."""
        self.stream.sendall(data)

    def send_some(self, data: Buffer) -> int:
        """Send what fits now, without blocking; how much that was."""
        blocking = self.stream.getblocking()
        self.stream.setblocking(False)
        try:
            return self.stream.send(data)
        except BlockingIOError:
            return 0
        finally:
            self.stream.setblocking(blocking)

    def fill(self) -> bool:
        """Receive more bytes into the buffer; False at the end of the stream.

        Raises:
            Unavailable: the connection broke.
        """
        try:
            data = self.stream.recv(_READ_BYTES)
        except OSError as err:
            raise Unavailable(f"the connection to the engine broke: {err.strerror or err}") from err
        self._buffer += data
        return bool(data)

    def head_size(self) -> int:
        """Bytes of a complete head in the buffer with its empty line, or 0."""
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
            raise DataLoss("the engine's answer has an endless head")
        return end + 4 if end >= 0 else 0

    def peek_status(self) -> int:
        """The status of a head that is already complete in the buffer, or 0."""
        size = self.head_size()
        return parse_head(bytes(self._buffer[: size - 4])).status if size else 0

    def read_head(self) -> ResponseHead:
        """The next response head; interim 1xx heads other than 101 are skipped.

        Raises:
            Unavailable: the engine closed the connection instead of answering.
            DataLoss: what came is not HTTP.
        """
        while True:
            while not (size := self.head_size()):
                if not self.fill():
                    raise Unavailable("the engine closed the connection without an answer")
            head = parse_head(bytes(self._buffer[: size - 4]))
            del self._buffer[:size]
            if head.status == 101 or head.status >= 200:
                return head

    def read_some(self, limit: int) -> bytes:
        """Between 1 and `limit` bytes, or nothing at the end of the stream."""
        if not self._buffer and not self.fill():
            return b""
        data = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        return data

    def iter_body(self, head: ResponseHead) -> Iterator[bytes]:
        """Pieces of the body of `head`, at most 256 KiB each, until its true end.

        Raises:
            DataLoss: the stream ended early or the framing is wrong.
        """
        if head.chunked:
            return self._iter_chunked()
        if head.length is not None:
            return self._iter_exactly(head.length)
        return self._iter_to_end()

    def _iter_to_end(self) -> Iterator[bytes]:
        while data := self.read_some(_READ_BYTES):
            yield data

    def _iter_exactly(self, length: int) -> Iterator[bytes]:
        while length:
            data = self.read_some(min(length, _READ_BYTES))
            if not data:
                raise DataLoss(f"the engine's answer ended {length} bytes early")
            length -= len(data)
            yield data

    def _iter_chunked(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            yield from self._iter_exactly(size)
            if self._line(2) != b"":
                raise DataLoss("malformed chunk in the engine's answer")
        while self._line(MAX_HEAD_BYTES):
            pass

    def _chunk_size(self) -> int:
        line = self._line(4096).partition(b";")[0].rstrip(b" \t")
        if not line or len(line) > 15 or not _HEX.issuperset(line):
            raise DataLoss("malformed chunk size in the engine's answer")
        return int(line, 16)

    def _line(self, limit: int) -> bytes:
        while (end := self._buffer.find(b"\r\n", 0, limit + 2)) < 0:
            if len(self._buffer) > limit + 2:
                raise DataLoss("endless line in the engine's answer")
            if not self.fill():
                raise DataLoss("the engine's answer ended in the middle")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line
