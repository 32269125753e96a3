"""Strict reading of an HTTP/1.1 request head and of chunked bodies. Sans I/O.

The grammar is llhttp's in its strict mode (no obs-fold, no bare LF or CR, no space before a
colon, one Content-Length, never together with Transfer-Encoding). Only the head is given to
it: the connection cuts heads and bodies itself, so that it knows to the byte where a request
ends, which hijacked streams and pipelining need. Added here are the rules that llhttp leaves
to its user; all violations are `BadRequest`, after which the connection must be closed, since
where the next request begins is no longer certain.

See: RFC 9112 sections 2 to 7; tests/security/README.md, cases D06 and D08.
"""

from __future__ import annotations

import re
from typing import NoReturn

import httptools

__all__ = [
    "MAX_HEADERS",
    "MAX_HEAD_BYTES",
    "MAX_TARGET_BYTES",
    "BadRequest",
    "ChunkDecoder",
    "Head",
    "find_head_end",
    "parse_head",
]

MAX_HEAD_BYTES = 64 << 10
MAX_TARGET_BYTES = 32 << 10
MAX_HEADERS = 128
_MAX_CHUNK_LINE = 1 << 10
_MAX_TRAILER_BYTES = 4 << 10

_BARE_LF = re.compile(rb"(?<!\r)\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_CHUNKED = -1


class BadRequest(Exception):  # the name of the status
    """The bytes are not a request that we read; answer `status` and close."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Head:
    """A request's head; header names are lower case, values latin-1 text.

    Attributes:
        body_length: bytes that follow, or -1 when the body is chunked.
    """

    __slots__ = (
        "body_length",
        "count",
        "has_two_hosts",
        "headers",
        "is_http_11",
        "keep_alive",
        "method",
        "target",
        "upgrade",
    )

    def __init__(self) -> None:
        self.method = ""
        self.target = b""
        self.headers: dict[str, str] = {}
        self.count = 0
        self.has_two_hosts = False
        self.is_http_11 = True
        self.keep_alive = True
        self.body_length = 0
        self.upgrade = False

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.body_length == _CHUNKED

    # What follows is called by the parser; what it raises is wrapped, so it only records.

    def on_url(self, url: bytes) -> None:
        """Take (a part of) the request target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; equal names are joined, as RFC 9110 section 5.3 allows."""
        self.count += 1
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        before = self.headers.get(key)
        if before is None:
            self.headers[key] = text
        elif key == "host":
            self.has_two_hosts = True
        else:
            self.headers[key] = f"{before}, {text}"


def find_head_end(buffer: bytes | bytearray, searched: int) -> int:
    """Return where the body begins, or -1 if the head is not complete yet.

    `searched` bytes have been looked at before. Raises BadRequest for a head that grew too long
    and for a line that ends in LF alone (which would otherwise only end by the time limit).
    """
    end = buffer.find(b"\r\n\r\n", max(0, searched - 3))
    if end > MAX_HEAD_BYTES or (end < 0 and len(buffer) > MAX_HEAD_BYTES):
        raise BadRequest(431, "request header fields too large")
    if end < 0 and _BARE_LF.search(buffer, max(0, searched - 1)):
        raise BadRequest(400, "malformed request: line does not end in CRLF")
    return end + 4 if end >= 0 else -1


def parse_head(raw: bytes) -> Head:
    """Return the head that the bytes up to and with the empty line are; raises BadRequest."""
    head = Head()
    parser = httptools.HttpRequestParser(head)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as err:
        raise BadRequest(400, f"malformed request: {err}") from err
    head.method = parser.get_method().decode("latin-1")
    version = parser.get_http_version()
    head.is_http_11 = version == "1.1"
    _check_line(head, raw)
    if version not in ("1.1", "1.0"):
        raise BadRequest(505, "HTTP version not supported")
    _read_framing(head)
    return head


def _check_line(head: Head, raw: bytes) -> None:
    line = raw[: raw.find(b"\r\n")]
    if line.count(b" ") != 2 or b"\t" in line:
        raise BadRequest(400, "malformed request line")
    if len(head.target) > MAX_TARGET_BYTES:
        raise BadRequest(414, "request target too long")
    if not head.target.startswith(b"/") or head.method not in _METHODS:
        raise BadRequest(400, "malformed request: method and path expected")
    if head.has_two_hosts:
        raise BadRequest(400, "malformed request: more than one Host")
    if head.count > MAX_HEADERS:
        raise BadRequest(431, "too many request headers")
    if head.is_http_11 and "host" not in head.headers:
        raise BadRequest(400, "malformed request: missing required Host header")


def _read_framing(head: Head) -> None:
    headers = head.headers
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked" or not head.is_http_11 or "content-length" in headers:
            raise BadRequest(400, "malformed request: unsupported transfer encoding")
        head.body_length = _CHUNKED
    elif "content-length" in headers:
        length = headers["content-length"]
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise BadRequest(400, "malformed request: bad Content-Length")
        head.body_length = int(length)
    connection = headers.get("connection", "").lower()
    if "close" in connection:
        head.keep_alive = False
    else:
        head.keep_alive = head.is_http_11 or "keep-alive" in connection
    head.upgrade = "upgrade" in headers and "upgrade" in connection


class ChunkDecoder:
    """Takes the chunked coding off a body; strict, and bounded in what it holds.

    `feed` consumes from the front of a bytearray and returns payload; when `done` is set, what is
    left in the bytearray belongs to whatever comes behind the request.
    """

    def __init__(self) -> None:
        self.done = False
        self._left = 0
        self._state = self._size_line
        self._trailer_bytes = 0

    def feed(self, buffer: bytearray) -> list[bytes]:
        """Return the payload parts that `buffer` completes; raises BadRequest."""
        parts: list[bytes] = []
        while not self.done and self._state(buffer, parts):
            pass
        return parts

    def _line(self, buffer: bytearray, limit: int) -> bytes | None:
        end = buffer.find(b"\n", 0, limit + 1)
        if end < 0:
            if len(buffer) > limit:
                self._refuse()
            return None
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        if not line.endswith(b"\r"):
            self._refuse()
        return line[:-1]

    def _size_line(self, buffer: bytearray, parts: list[bytes]) -> bool:
        line = self._line(buffer, _MAX_CHUNK_LINE)
        if line is None:
            return False
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            self._refuse()
        self._left = int(match[1], 16)
        self._state = self._payload if self._left else self._trailer
        return True

    def _payload(self, buffer: bytearray, parts: list[bytes]) -> bool:
        if not buffer:
            return False
        part = bytes(buffer[: self._left])
        del buffer[: len(part)]
        parts.append(part)
        self._left -= len(part)
        if not self._left:
            self._state = self._payload_end
        return True

    def _payload_end(self, buffer: bytearray, parts: list[bytes]) -> bool:
        if not b"\r\n".startswith(buffer[:2]):
            self._refuse()
        if len(buffer) < 2:
            return False
        del buffer[:2]
        self._state = self._size_line
        return True

    def _trailer(self, buffer: bytearray, parts: list[bytes]) -> bool:
        line = self._line(buffer, _MAX_TRAILER_BYTES)
        if line is None:
            return False
        if not line:
            self.done = True
            return False
        self._trailer_bytes += len(line)
        if _TRAILER.fullmatch(line) is None or self._trailer_bytes > _MAX_TRAILER_BYTES:
            self._refuse()
        return True

    def _refuse(self) -> NoReturn:
        raise BadRequest(400, "malformed request: bad chunk")
