"""Calls of the Engine API: version negotiation, requests, uploads, hijacked streams, errors.

One idle connection is kept and used again. A `Response` must be read to its end or closed; the
connection of an unread one is not used again.
"""

from __future__ import annotations

import contextlib
import select

from baleen import errors
from baleen.client.http import Connection, encode_head, encode_query, quote
from baleen.client.jsonstream import decode_json, encode_json, iter_objects
from baleen.client.transport import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from baleen.client.endpoint import Endpoint
    from baleen.client.http import ResponseHead
    from baleen.client.models import JsonObject, JsonValue, QueryValue

__all__ = [
    "DAEMON_PREFIX",
    "MAX_API_VERSION",
    "EngineClient",
    "HijackedStream",
    "Response",
    "segment",
]

MAX_API_VERSION = (1, 55)
MIN_API_VERSION = (1, 24)
DAEMON_PREFIX = "Error response from daemon: "
_MAX_JSON_BYTES = 256 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024
_MAX_EARLY_ANSWER = 4 * 1024 * 1024
_MULTIPLEXED = "application/vnd.docker.multiplexed-stream"

_STATUS_ERRORS: dict[int, type[errors.BaleenError]] = {
    400: errors.InvalidArgument,
    401: errors.Unauthorized,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    406: errors.InvalidArgument,
    409: errors.Conflict,
    412: errors.FailedPrecondition,
    429: errors.ResourceExhausted,
    500: errors.Internal,
    501: errors.NotImplemented,
    503: errors.Unavailable,
    507: errors.ResourceExhausted,
}


def segment(reference: str, *, slashes: bool = False) -> str:
    """`reference` as one part of a request path; image names keep their slashes.

    Raises:
        InvalidArgument: empty, or a dot segment that would name another endpoint.
    """
    name = reference.lstrip("/")
    if not name or any(part in {".", ".."} for part in name.split("/")):
        raise errors.InvalidArgument(f'invalid reference: "{reference}"')
    return quote(name, safe="/:@" if slashes else ":@")


class Response:
    """One answer. Iterate it, or use `json`, `objects` or `read`; then it is finished."""

    def __init__(self, client: EngineClient, connection: Connection, head: ResponseHead) -> None:
        self._client = client
        self._connection: Connection | None = connection
        self.head = head

    @property
    def multiplexed(self) -> bool:
        """Whether the engine says that the body has 8-byte frames."""
        return self.head.headers.get("content-type", "") == _MULTIPLEXED

    def fileno(self) -> int:
        """The descriptor to poll while waiting for the body."""
        return self._connection.stream.fileno() if self._connection else -1

    def buffered(self) -> bool:
        """Whether bytes of the body were already received, so that polling would miss them."""
        return self._connection is not None and self._connection.buffered()

    def __iter__(self) -> Iterator[bytes]:
        connection = self._connection
        if connection is None:
            return
        try:
            if self.head.status not in {204, 304}:
                yield from connection.iter_body(self.head)
        except BaseException:
            self.close()
            raise
        self._connection = None
        framed = self.head.chunked or self.head.length is not None or self.head.status == 204
        self._client.release(connection, reusable=framed and self.head.keep_alive)

    def read(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            DataLoss: it is longer than `limit` bytes.
        """
        pieces: list[bytes] = []
        total = 0
        for piece in self:
            pieces.append(piece)
            total += len(piece)
            if total > limit:
                self.close()
                raise errors.DataLoss(f"the engine's answer is larger than {limit} bytes")
        return b"".join(pieces)

    def json(self) -> JsonValue:
        """The body as JSON; None when it is empty."""
        data = self.read(_MAX_JSON_BYTES)
        return decode_json(data) if data.strip() else None

    def objects(self) -> Iterator[JsonObject]:
        """The body as a stream of JSON objects."""
        return iter_objects(self)

    def send_more(self, piece: bytes) -> None:
        """Send another piece of an upload that was kept open; nothing where the answer has ended.

        From one thread at a time, which need not be that of the reader.
        """
        connection = self._connection
        if connection is not None and piece:
            with contextlib.suppress(OSError):  # the reader sees it too, and says why
                connection.send(b"%x\r\n" % len(piece) + piece + b"\r\n")

    def close(self) -> None:
        """Give up what was not read. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class HijackedStream:
    """A connection that carries a container's bytes in both directions.

    Attributes:
        stream: the socket; the stream owns it.
        early: bytes that arrived together with the head; read them first.
        multiplexed: True or False as the engine's media type says, None when it says nothing.
    """

    __slots__ = ("early", "multiplexed", "stream")

    def __init__(self, stream: socket.socket, early: bytes, media_type: str) -> None:
        self.stream = stream
        self.early = early
        self.multiplexed: bool | None = None
        if media_type == _MULTIPLEXED:
            self.multiplexed = True
        elif media_type == "application/vnd.docker.raw-stream":
            # Engines before API 1.42 use this type for both.
            self.multiplexed = None

    def close(self) -> None:
        """Close the socket. Idempotent."""
        self.stream.close()


class EngineClient:
    """Talks to one engine. Not thread-safe. Close it, or use it in a `with`."""

    def __init__(
        self, endpoint: Endpoint, *, api_version: str = "", user_agent: str = "baleen"
    ) -> None:
        self.endpoint = endpoint
        self._idle: Connection | None = None
        self._user_agent = user_agent
        self._prefix = f"/v{api_version.lstrip('v')}" if api_version else ""
        self.server_headers: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connection. Idempotent."""
        if self._idle is not None:
            self._idle.close()
            self._idle = None

    @property
    def api_version(self) -> str:
        """The negotiated version, for example "1.45"; asks the engine the first time."""
        self._negotiate()
        return self._prefix[2:]

    def api_at_least(self, minor: int) -> bool:
        """Whether the negotiated version is 1.`minor` or newer."""
        return _parse_version(self.api_version) >= (1, minor)

    # Requests

    def get(self, path: str, **query: QueryValue) -> JsonValue:
        """GET a JSON value."""
        return self.request("GET", path, query).json()

    def post(self, path: str, body: JsonValue = None, **query: QueryValue) -> JsonValue:
        """POST an optional JSON body; the JSON answer, or None when there is none."""
        return self.request("POST", path, query, body=body).json()

    def delete(self, path: str, **query: QueryValue) -> JsonValue:
        """DELETE; the JSON answer, or None."""
        return self.request("DELETE", path, query).json()

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, QueryValue] | None = None,
        *,
        body: JsonValue = None,
        upload: Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
        keep_open: bool = False,
    ) -> Response:
        """Send one request and return once its head is there; `upload` is sent chunked.

        With `keep_open` the upload does not end with its last piece: see `Response.send_more`.

        Raises:
            BaleenError: the class that fits the engine's status, with the engine's own message.
        """
        connection = self._send(method, path, query, body, upload, headers, keep_open=keep_open)
        return self._answer(method, connection)

    def begin(
        self, method: str, path: str, query: dict[str, QueryValue] | None = None
    ) -> Callable[[], Response]:
        """Send a request now; the function that is returned waits for its head, as `request`.

        Several may be under way, each on its own connection.
        """
        connection = self._send(method, path, query, None, None, None)
        return lambda: self._answer(method, connection)

    def _answer(self, method: str, connection: Connection) -> Response:
        try:
            head = connection.read_head()
        except BaseException:
            connection.close()
            raise
        if method == "HEAD":
            head.length, _ = 0, head.headers.pop("transfer-encoding", None)
        response = Response(self, connection, head)
        # 304 says that it already is so: success, as for Docker's client.
        if not 200 <= head.status < 300 and head.status != 304:
            raise _engine_error(response)
        return response

    def hijack(
        self,
        path: str,
        query: dict[str, QueryValue] | None = None,
        *,
        body: JsonValue = None,
    ) -> HijackedStream:
        """POST with an upgrade to a raw stream; engines answer 101, old ones 200."""
        headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
        connection = self._send("POST", path, query, body, None, headers)
        try:
            head = connection.read_head()
            if head.status not in {101, 200}:
                raise _engine_error(Response(self, connection, head))
        except BaseException:
            connection.close()
            raise
        stream, early = connection.detach()
        return HijackedStream(stream, early, head.headers.get("content-type", ""))

    # Connections

    def _open(self) -> Connection:
        return Connection(connect(self.endpoint))

    def _acquire(self) -> Connection:
        idle, self._idle = self._idle, None
        if idle is not None:
            poller = select.poll()
            poller.register(idle.stream, select.POLLIN)
            if not idle.buffered() and not poller.poll(0):
                return idle
            # Readable although nothing was asked: the engine closed it.
            idle.close()
        return self._open()

    def release(self, connection: Connection, *, reusable: bool) -> None:
        """Take back a connection whose response was read to the end."""
        if reusable and self._idle is None and not connection.buffered():
            self._idle = connection
        else:
            connection.close()

    def _negotiate(self) -> None:
        if self._prefix:
            return
        connection = self._acquire()
        try:
            connection.send(encode_head("HEAD", "/_ping", self._headers()))
            head = connection.read_head()
            self.server_headers = head.headers
            text = head.headers.get("api-version", "1.24")
            server = _parse_version(text)
            if server < MIN_API_VERSION:
                raise errors.NotImplemented(
                    f"the engine speaks API version {text}; the oldest supported is 1.24"
                )
        except BaseException:
            connection.close()
            raise
        chosen = min(server, MAX_API_VERSION)
        self._prefix = f"/v{chosen[0]}.{chosen[1]}"
        self.release(connection, reusable=head.keep_alive)

    def _headers(self) -> dict[str, str]:
        host = self.endpoint.host if self.endpoint.scheme == "tcp" else "api.baleen.localhost"
        if ":" in host:
            host = f"[{host}]"
        return {"Host": host, "User-Agent": self._user_agent}

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, QueryValue] | None,
        body: JsonValue,
        upload: Iterable[bytes] | None,
        extra: dict[str, str] | None,
        *,
        keep_open: bool = False,
    ) -> Connection:
        self._negotiate()
        headers = self._headers()
        payload = b""
        if upload is not None:
            headers["Content-Type"] = "application/x-tar"
            headers["Transfer-Encoding"] = "chunked"
        elif body is not None:
            payload = encode_json(body)
            headers["Content-Type"] = "application/json"
        if upload is None and (payload or method == "POST"):
            headers["Content-Length"] = str(len(payload))
        if extra:
            headers.update(extra)
        target = self._prefix + path + encode_query(query or {})
        connection = self._acquire()
        try:
            connection.send(encode_head(method, target, headers) + payload)
            if upload is not None and _send_chunked(connection, upload) and not keep_open:
                connection.send(b"0\r\n\r\n")
        except OSError as err:
            # The engine may have answered and closed before it read everything.
            with contextlib.suppress(errors.BaleenError):
                while not connection.head_size():
                    if not connection.fill():
                        break
                if connection.peek_status() >= 400:
                    return connection
            connection.close()
            raise errors.Unavailable(
                f"the connection to the engine broke: {err.strerror or err}"
            ) from err
        except BaseException:
            connection.close()
            raise
        return connection


def _send_chunked(connection: Connection, upload: Iterable[bytes]) -> bool:
    """Send `upload`, and keep reading meanwhile: engines report progress, or refuse, early.

    Returns False before the end of `upload` when the engine has answered with an error.
    """
    poller = select.poll()
    for piece in upload:
        if not piece:
            continue
        data = memoryview(b"%x\r\n" % len(piece) + piece + b"\r\n")
        while data:
            early = connection.buffered_size()
            mask = select.POLLOUT | (select.POLLIN if early < _MAX_EARLY_ANSWER else 0)
            poller.register(connection.stream, mask)
            ((_, ready),) = poller.poll()
            if ready & select.POLLIN:
                if not connection.fill():
                    raise BrokenPipeError("the engine closed the connection")
                if connection.peek_status() >= 400:
                    return False
            if ready & select.POLLOUT:
                data = data[connection.send_some(data) :]
            elif ready & (select.POLLHUP | select.POLLERR) and not ready & select.POLLIN:
                raise BrokenPipeError("the engine closed the connection")
    return True


def _parse_version(text: str) -> tuple[int, int]:
    major, dot, minor = text.partition(".")
    if not (dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise errors.DataLoss(f'the engine names an API version that is none: "{text[:40]}"')
    return int(major), int(minor)


def _engine_error(response: Response) -> errors.BaleenError:
    """The error of our tree for an engine's refusal; reads the body."""
    status = response.head.status
    data = b""
    try:
        data = response.read(_MAX_ERROR_BYTES)
        document = decode_json(data)
        message = document.get("message") if isinstance(document, dict) else None
    except errors.BaleenError:
        message = None
    if not isinstance(message, str):
        message = data.decode("utf-8", "replace").strip()[:2000] or response.head.reason
    kind = _STATUS_ERRORS.get(status)
    if kind is None:
        kind = errors.InvalidArgument if 400 <= status < 500 else errors.Internal
    return kind(
        DAEMON_PREFIX + message.strip(), details={"status": str(status), "message": message}
    )
