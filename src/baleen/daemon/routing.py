"""From method and path to an operation, and what an operation's handler is given.

A path is `/v1.43/containers/abc/json` or the same without version. Operations are in a table
by method and pattern; a pattern has at most one variable, `{id}` (one segment) or `{name}`
(any number: image names contain slashes), and what is fixed before and after it finds the
operation in at most four dictionary look-ups.

See: Engine API v1.55; moby `daemon/server/server.go`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from baleen.api import versions, wire
from baleen.api.filters import parse_filters
from baleen.daemon.http_messages import Request, Response, StreamResponse
from baleen.daemon.query import Query, percent_decode
from baleen.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator

    from baleen.daemon.facade import EngineFacade

__all__ = ["Call", "Handler", "Operation", "Router", "json_response", "no_content"]

T = TypeVar("T")

Answer: TypeAlias = "Response | StreamResponse"
Handler: TypeAlias = "Callable[[Call], Answer | Awaitable[Answer]]"

_VERSIONED = re.compile(r"/v([0-9.]{1,16})(/.*)")
# It names the newest version that the daemon has, and reads what left the API with v1.45.
_COMPOSE_1 = "docker-compose/1."
_COMPOSE_1_UNDERSTANDS = (1, 44)
# What is not Docker's lies below, in paths of the same form.
_EXTENSIONS = "/baleen/v1/"
_MEDIA_TYPE = re.compile(r"[ \t]*([^;\s]+)[ \t]*(?:;.*)?")


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint: `name` is the API's operation id."""

    method: str
    pattern: str
    name: str
    handler: Handler


class Call:
    """One request on its way through a handler: the engine, the variable, query and body."""

    __slots__ = ("engine", "query", "ref", "request", "version")

    def __init__(
        self, engine: EngineFacade, request: Request, ref: str, version: tuple[int, int]
    ) -> None:
        self.engine = engine
        self.request = request
        self.ref = ref
        self.version = version
        self.query = Query(request.query)

    def filters(self, accepted: Collection[str] | None = None) -> dict[str, list[str]]:
        """Return the `filters` parameter; raises InvalidArgument for a name not accepted."""
        return parse_filters(self.query.text("filters"), accepted)

    async def json(self, kind: type[T]) -> T:
        """Return the body as a wire type; raises InvalidArgument.

        A body must say that it is JSON: a web page can make a browser send forms and plain text
        to us, but not this without asking first. No body is the type's zero value.
        """
        request = self.request
        content_type = request.headers.get("content-type")
        if content_type is None and not request.has_body:
            return kind()
        match = _MEDIA_TYPE.fullmatch(content_type or "")
        if match is None and content_type:
            raise InvalidArgument(f"malformed Content-Type header ({content_type[:64]})")
        if match is None or match[1].lower() != "application/json":
            raise InvalidArgument(
                f"unsupported Content-Type header ({(content_type or '')[:64]}): "
                "must be 'application/json'"
            )
        if not request.has_body:
            return kind()
        return wire.decode(kind, await request.body.read(wire.MAX_BODY_BYTES))


class Router:
    """Finds the operation for a request and calls its handler."""

    def __init__(self, engine: EngineFacade, operations: Iterable[Operation]) -> None:
        self._engine = engine
        self._fixed: dict[tuple[str, str], Operation] = {}
        self._variable: dict[tuple[str, str, str], Operation] = {}
        for operation in operations:
            before, brace, rest = operation.pattern.partition("{")
            if not brace:
                self._fixed[operation.method, before] = operation
            else:
                variable, _, after = rest.partition("}")
                # {name} takes several segments; the marker keeps the two kinds apart.
                key = before + ("*" if variable == "name" else "")
                self._variable[operation.method, key, after] = operation

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """Call the handler of the request's operation; raises NotFound, InvalidArgument."""
        path = percent_decode(request.path)
        version = versions.MAXIMUM
        match = _VERSIONED.fullmatch(path)
        if match is not None:
            path = match[2]
            version = versions.negotiate(match[1])
            if request.headers.get("user-agent", "").startswith(_COMPOSE_1):
                version = min(version, _COMPOSE_1_UNDERSTANDS)
        operation, ref = self.find(request.method, path)
        return operation.handler(Call(self._engine, request, ref, version))

    def find(self, method: str, path: str) -> tuple[Operation, str]:
        """Return the operation and the value of its variable; raises NotFound."""
        operation = self._fixed.get((method, path))
        if operation is not None:
            return operation, ""
        start = len(_EXTENSIONS) if path.startswith(_EXTENSIONS) else 1
        end = path.find("/", start) + 1
        before, rest = path[:end], path[end:]
        if end and rest:
            for ref, after in _splits(rest):
                operation = self._variable.get((method, before, after))
                if operation is not None and "/" not in ref:
                    return operation, ref
                operation = self._variable.get((method, before + "*", after))
                if operation is not None:
                    return operation, ref
        raise NotFound("page not found")


def _splits(rest: str) -> Iterator[tuple[str, str]]:
    """Yield (variable, fixed ending) with endings of one, two and no segments."""
    last = rest.rfind("/")
    if last > 0:
        yield rest[:last], rest[last:]
        second = rest.rfind("/", 0, last)
        if second > 0:
            yield rest[:second], rest[second:]
    yield rest, ""


def json_response(value: object, status: int = 200) -> Response:
    """Return the answer that holds `value` as JSON; bytes are JSON already."""
    body = value if isinstance(value, bytes) else wire.encode(value) + b"\n"
    return Response(status, body)


def no_content() -> Response:
    """Return 204."""
    return Response(204, content_type="")
