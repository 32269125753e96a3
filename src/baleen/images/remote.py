"""The archive that `docker import URL` names, as it is downloaded.

See: Engine API, /images/create with `fromSrc`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from baleen.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.client import HTTPResponse

__all__ = ["fetched", "opened", "pieces"]

_PIECE = 1 << 20
_SILENCE_S = 60.0


def fetched(url: str) -> Iterator[bytes]:
    """Return the body that a GET of `url` gives; without a scheme it is http.

    Only http and https are followed, redirections included. The proxies of the environment are
    used.

    Raises:
        InvalidArgument: another scheme, or no host; at the call.
        Unavailable: the server can not be reached, refuses, or breaks off; while iterating.
    """
    if "://" not in url:
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise InvalidArgument(f'invalid URL "{url[:200]}": {err}') from err
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgument(f'invalid URL "{url[:200]}": only http and https can be imported')
    return _pieces(url)


@contextmanager
def opened(url: str, headers: Mapping[str, str] | None = None) -> Iterator[HTTPResponse]:
    """Give the answer to a GET of `url`, redirections followed; `headers` are not sent after them.

    Raises:
        Unavailable: the server can not be reached, refuses, or breaks off in the block.
    """
    # Imported where they are used: most daemons never need them.
    import http.client
    from urllib import error, request

    host = urlsplit(url).hostname
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPErrorProcessor,
        request.HTTPRedirectHandler,
        request.UnknownHandler,
    ):
        opener.add_handler(handler())
    wanted = request.Request(url)  # noqa: S310  # the opener has no other schemes
    for name, value in (headers or {}).items():
        wanted.add_unredirected_header(name, value)
    try:
        with opener.open(wanted, timeout=_SILENCE_S) as answer:
            yield answer
    except error.HTTPError as err:
        err.close()  # it holds the connection
        raise Unavailable(
            f"cannot download from {host}: it answers {err.code} {err.reason}"
        ) from err
    except (OSError, http.client.HTTPException) as err:
        # What urllib could not do is in its error's reason: "[Errno 111] Connection refused".
        reason = getattr(err, "reason", err)
        text = getattr(reason, "strerror", None) or reason
        raise Unavailable(f"cannot download from {host}: {str(text).lower()}") from err


def pieces(answer: HTTPResponse) -> Iterator[bytes]:
    """Return the body of an answer; Unavailable where it is shorter than promised."""
    left = answer.length
    while piece := answer.read(_PIECE):
        yield piece
        left = None if left is None else left - len(piece)
    if left:
        raise Unavailable(f"the download broke off: {left} bytes are missing")


def _pieces(url: str) -> Iterator[bytes]:
    with opened(url) as answer:
        yield from pieces(answer)
