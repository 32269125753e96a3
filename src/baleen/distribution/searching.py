"""`docker search`: Docker Hub's search of version 1, which other registries offer here and there.

See: Docker Registry API v1, "Search"; moby's registry/search.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from baleen.distribution.answers import Unreachable
from baleen.distribution.exchange import Exchange, Target, error_of, unreachable
from baleen.distribution.routes import NetworkError
from baleen.distribution.tokens import basic
from baleen.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.connection import Reply
    from baleen.distribution.credentials import Credentials
    from baleen.distribution.hosts import Endpoint
    from baleen.distribution.settings import RegistrySettings

__all__ = ["SearchResult", "parse_search_filters", "search_at", "split_term"]

_LIMIT = 4 << 20
_DEFAULT_COUNT = 25
_COUNT_LIMIT = 100


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """One repository, as the API returns it."""

    name: str = ""
    description: str | None = None
    star_count: int = 0
    is_official: bool = False
    is_automated: bool = False


class _Answer(msgspec.Struct):
    results: list[SearchResult] | None = None


def split_term(term: str) -> tuple[str, str]:
    """Return the registry's domain (`docker.io` when none is named) and what to look for there.

    Raises:
        InvalidArgument: a URL, or nothing to look for.
    """
    if "://" in term:
        raise InvalidArgument(
            f'invalid repository name: repository name "{term}" should not have a scheme'
        )
    first, slash, rest = term.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    domain, name = (first, rest) if is_host else ("docker.io", term)
    if domain == "index.docker.io":
        domain = "docker.io"
    if domain == "docker.io":
        # Hub does not list its official images below that.
        name = name.removeprefix("library/")
    return domain, name


def parse_search_filters(filters: Mapping[str, Sequence[str]]) -> tuple[bool, bool, int]:
    """Return (only official, only automated, least stars).

    Raises:
        InvalidArgument: `invalid filter 'x'`, or a value that is none of that filter's.
    """
    for name in filters:
        if name not in {"is-official", "is-automated", "stars"}:
            raise InvalidArgument(f"invalid filter '{name}'")
    stars = 0
    for value in filters.get("stars", ()):
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise InvalidArgument(f"invalid filter 'stars=[{value}]'")
        stars = max(stars, int(value))
    return _flag(filters, "is-official"), _flag(filters, "is-automated"), stars


def _flag(filters: Mapping[str, Sequence[str]], name: str) -> bool:
    found = False
    for value in filters.get(name, ()):
        if value.lower() not in {"1", "t", "true", "0", "f", "false"}:
            raise InvalidArgument(f"invalid filter '{name}=[{value}]'")
        found = value.lower() in {"1", "t", "true"}
    return found


def search_at(
    settings: RegistrySettings,
    ways: Sequence[Endpoint],
    term: str,
    limit: int,
    credentials: Credentials | None,
    cancel: Cancellation,
) -> list[SearchResult]:
    """Return what the first endpoint that answers finds for `term`.

    Raises:
        InvalidArgument: a limit outside of 1 to 100; 0 is the default of 25.
        BaleenError: the registry refuses; or it is unreachable.
    """
    if limit and not 1 <= limit <= _COUNT_LIMIT:
        raise InvalidArgument(f"invalid limit {limit}: must be between 1 and {_COUNT_LIMIT}")
    exchange = Exchange(settings)
    query = urlencode({"q": term, "n": limit or _DEFAULT_COUNT})
    headers = {"X-Docker-Token": "true"}
    if credentials is not None and credentials.has_password:
        headers["Authorization"] = basic(credentials)
    try:
        for place, endpoint in enumerate(ways):
            target = Target(endpoint, f"{endpoint.prefix}/v1/search?{query}")
            try:
                reply = exchange.send(target, "GET", headers, cancel, follow=True)
            except Unreachable as err:
                if place + 1 == len(ways) or not err.speaks_http:
                    raise
            else:
                return _results(exchange, target, reply)
        raise AssertionError  # there is at least one
    finally:
        exchange.close()


def _results(exchange: Exchange, target: Target, reply: Reply) -> list[SearchResult]:
    if reply.status != 200:
        if reply.status == 404:
            exchange.finish(reply)
            raise Unavailable(f"registry {target.endpoint.authority} does not offer a search")
        raise error_of(exchange, reply)
    try:
        body = reply.read(_LIMIT)
    except NetworkError as err:
        raise unreachable(target, "GET", err) from err
    finally:
        exchange.release(reply)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise Unavailable(
            f"registry {target.endpoint.authority}: the answer to a search is malformed: {err}"
        ) from err
    return answer.results or []
