"""An engine that answers as it is told, on a real unix socket.

Tests register a handler for a method and path; every request is kept. A handler returns a `Reply`,
or takes the socket over (hijack) by being a `Takeover`. Closing it joins every thread.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        path = self.target.partition("?")[0]
        first, _, rest = path[1:].partition("/")
        return f"/{rest}" if first[:1] == "v" and first[1:2].isdigit() else path

    @property
    def query(self) -> dict[str, list[str]]:
        from urllib.parse import parse_qs

        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """A response; `raw` is sent as it is instead."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] | None = None
    raw: bytes | None = None
    gate: threading.Event | None = None  # the body waits for it


@dataclass
class Takeover:
    """Upgrade the connection and give the socket to `serve`."""

    serve: Callable[[socket.socket], None]
    media_type: str = "application/vnd.docker.raw-stream"
    status: int = 101
    early: bytes = b""


Handler = "Callable[[Request], Reply | Takeover] | Reply | Takeover"


class FakeEngine:
    def __init__(self, path: Path, listener: socket.socket | None = None) -> None:
        self.path = path
        self.host = f"unix://{path}"
        self.requests: list[Request] = []
        self.routes: dict[tuple[str, str], Any] = {}
        self.connections = 0
        self.api_version = "1.55"
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        if listener is None:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(str(path))
        listener.listen(16)
        self._listener = listener
        self.on("GET", "/_ping", self._ping)
        self.on("HEAD", "/_ping", self._ping)
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def _ping(self, _request: Request) -> Reply:
        return Reply(b"", headers={"Api-Version": self.api_version})

    def on(self, method: str, path: str, handler: Any) -> None:
        self.routes[method, path] = handler

    def last(self, path: str, method: str | None = None) -> Request:
        """The newest request for `path`."""
        with self._lock:
            for request in reversed(self.requests):
                if request.path == path and method in {None, request.method}:
                    return request
        raise AssertionError(f"no request for {path}: {[r.target for r in self.requests]}")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(10)
        with self._lock:
            sockets, threads = list(self._sockets), list(self._threads)
        for stream in sockets:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive(), "a handler of the fake engine hangs"
        for stream in sockets:
            stream.close()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._sockets.append(stream)
                thread = threading.Thread(target=self._serve, args=(stream,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, stream: socket.socket) -> None:
        try:
            reader = stream.makefile("rb")
            try:
                while self._one(stream, reader):
                    pass
            finally:
                reader.close()
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def _one(self, stream: socket.socket, reader: Any) -> bool:
        line = reader.readline()
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ")
        headers: dict[str, str] = {}
        while (header := reader.readline()) not in {b"\r\n", b""}:
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        request = Request(method, target, headers)
        handler = self.routes.get((method, request.path))
        if getattr(handler, "refuse_before_body", False):
            with self._lock:
                self.requests.append(request)
            self._send(stream, request, handler(request))
            return False
        request.body = _read_body(reader, headers)
        with self._lock:
            self.requests.append(request)
        if handler is None:
            self._send(
                stream, request, Reply({"message": f"no route {method} {request.path}"}, 404)
            )
            return True
        result = handler(request) if callable(handler) else handler
        if isinstance(result, Takeover):
            head = f"HTTP/1.1 {result.status} OK\r\nContent-Type: {result.media_type}\r\n"
            head += "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
            stream.sendall(head.encode() + result.early)
            result.serve(stream)
            return False
        self._send(stream, request, result)
        return result.raw is None

    def _send(self, stream: socket.socket, request: Request, reply: Reply) -> None:
        if reply.raw is not None:
            stream.sendall(reply.raw)
            return
        headers = dict(reply.headers)
        body = reply.body
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if reply.chunks is not None:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.status not in {204, 304}:
            headers["Content-Length"] = str(len(body))
        head = f"HTTP/1.1 {reply.status} Reason\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        stream.sendall(head.encode())
        if reply.gate is not None:
            assert reply.gate.wait(20), "nobody opened the gate"
        if request.method == "HEAD" or reply.status in {204, 304}:
            return
        if reply.chunks is None:
            stream.sendall(body)
            return
        for chunk in reply.chunks:
            stream.sendall(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
        stream.sendall(b"0\r\n\r\n")


def _read_body(reader: Any, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(reader.readline(), 16):
            parts.append(reader.read(size))
            reader.readline()
        reader.readline()
        return b"".join(parts)
    return reader.read(int(headers.get("content-length", "0")))


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload
