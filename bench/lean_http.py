"""The benches' own HTTP client: raw sockets, no library between the clock and the daemon.

One `Connection` is one unix socket, used again for every request. The same code talks to every
daemon that is measured.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20


class Failed(Exception):
    """An answer that is not a success."""


class Connection:
    """Requests one after the other on one connection."""

    def __init__(self, path: str, timeout_s: float = 120.0) -> None:
        self._path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout_s)
        self.sock.connect(path)
        self._buffer = b""

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def request(self, method: str, path: str, body: object = None) -> bytes:
        """Return the body of a successful answer."""
        self.send(method, path, body)
        status, headers = self.read_head()
        data = self.read_body(status, headers)
        if status >= 400:
            raise Failed(f"{method} {path}: {status} {data[:300]!r}")
        return data

    def json(self, method: str, path: str, body: object = None) -> Any:
        return json.loads(self.request(method, path, body))

    def send(
        self, method: str, path: str, body: object = None, *, headers: str = "", length: int = -1
    ) -> None:
        data = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        kind = "Content-Type: application/json\r\n" if isinstance(body, dict) else ""
        size = len(data) if length < 0 else length
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: d\r\n{kind}{headers}Content-Length: {size}\r\n\r\n"
        )
        self.sock.sendall(head.encode() + data)

    def _more(self) -> None:
        data = self.sock.recv(_CHUNK)
        if not data:
            raise Failed("the daemon closed the connection")
        self._buffer += data

    def read_head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def read_body(self, status: int, headers: dict[str, str]) -> bytes:
        if status in (204, 304):
            return b""
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self.chunks())
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks of a chunked body."""
        while True:
            while b"\r\n" not in self._buffer:
                self._more()
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            parts, have = [self._buffer[: size + 2]], min(len(self._buffer), size + 2)
            self._buffer = self._buffer[size + 2 :]
            while have < size + 2:
                data = self.sock.recv(min(_CHUNK, size + 2 - have))
                if not data:
                    raise Failed("the daemon closed the connection")
                parts.append(data)
                have += len(data)
            if size == 0:
                return
            yield b"".join(parts)[:-2]

    def body_length(self, path: str) -> int:
        """GET `path` and count the bytes of its body, without keeping them."""
        self.send("GET", path)
        status, headers = self.read_head()
        if status != 200:
            raise Failed(f"GET {path}: {status} {self.read_body(status, headers)[:300]!r}")
        if headers.get("transfer-encoding") == "chunked":
            return sum(len(chunk) for chunk in self.chunks())
        total = len(self._buffer)
        length = int(headers.get("content-length", "-1"))
        self._buffer = b""
        while length < 0 or total < length:
            data = self.sock.recv(_CHUNK)
            if not data:
                break
            total += len(data)
        return total

    def hijack(self, path: str, body: object = None) -> bytes:
        """POST, get the raw stream, and return what came with the answer's head."""
        self.send("POST", path, body, headers="Connection: Upgrade\r\nUpgrade: tcp\r\n")
        status, headers = self.read_head()
        if status not in (101, 200):
            raise Failed(f"POST {path}: {status} {self.read_body(status, headers)[:300]!r}")
        early, self._buffer = self._buffer, b""
        return early


def frame_payload(sock: socket.socket, early: bytes) -> int:
    """Read a multiplexed stream to its end; returns the bytes of payload in it.

    Looks at the headers only and copies no payload, so that the reader is not what is measured.
    """
    block = bytearray(_CHUNK)
    view = memoryview(block)
    view[: len(early)] = early
    have = len(early)
    total = skip = 0  # skip: payload that is still to come
    rest = b""  # a header that was cut by the end of a read
    while True:
        at = 0
        while at < have:
            if skip:
                step = min(skip, have - at)
                at += step
                skip -= step
                continue
            step = min(8 - len(rest), have - at)
            rest += block[at : at + step]
            at += step
            if len(rest) == 8:
                skip = struct.unpack_from(">L", rest, 4)[0]
                total += skip
                rest = b""
        have = sock.recv_into(view)
        if not have:
            return total - skip
