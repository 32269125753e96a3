"""Files from the web for a build: ADD's URLs, and contexts that are archives.

A body is counted while it comes; what a server says of its length is not trusted. Credentials come
from the build's secrets, by the host's name, and do not follow a redirection.

See: Dockerfile reference, "Adding files from a URL"; BuildKit, HTTP_AUTH_TOKEN_<host>.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from baleen.archive import files
from baleen.build.contexts.remote import redacted
from baleen.errors import InvalidArgument, ResourceExhausted
from baleen.images.remote import opened, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.client import HTTPResponse

    from baleen.build.session import Secret
    from baleen.linux.fd import Fd

__all__ = ["Download", "body_of", "download"]

_LIMIT = 64 << 30


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was fetched.

    Attributes:
        size: bytes.
        digest: sha256 of them (32 bytes).
        mtime_ns: Last-Modified, or the epoch.
    """

    size: int
    digest: bytes
    mtime_ns: int


def download(
    url: str,
    target: Fd,
    *,
    secrets: Mapping[str, Secret] | None = None,
    checksum: str = "",
    limit: int = _LIMIT,
    check: Callable[[], None] = lambda: None,
    tell: Callable[[int], None] = lambda _bytes: None,
) -> Download:
    """Write what a GET of `url` gives to the open, empty file `target`.

    Args:
        url: http or https.
        target: where to.
        secrets: of the build.
        checksum: `sha256:...` that it must have, or "".
        limit: bytes that it may have.
        check: called for each piece; it raises when the download shall end.
        tell: called with the bytes so far.

    Raises:
        InvalidArgument: no such URL, or another checksum.
        Unavailable: the server can not be reached, refuses, or breaks off.
        ResourceExhausted: larger than the limit, or no space.
    """
    hashed = hashlib.sha256()
    size = 0
    with opened(_checked(url), _authorization(url, secrets or {})) as answer:
        mtime_ns = _modified(answer.headers.get("Last-Modified"))
        for piece in _limited(answer, url, limit, check):
            size += len(piece)
            hashed.update(piece)
            try:
                _write(target.fileno(), piece)
            except OSError as err:
                raise files.failure(err, url.encode(), "store") from err
            tell(size)
    digest = hashed.digest()
    if checksum and checksum != f"sha256:{digest.hex()}":
        raise InvalidArgument(
            f"digest mismatch sha256:{digest.hex()}: {checksum} ({redacted(url)})"
        )
    return Download(size, digest, mtime_ns)


def body_of(
    url: str, *, limit: int = _LIMIT, check: Callable[[], None] = lambda: None
) -> Iterator[bytes]:
    """Return the body that a GET of `url` gives; errors as of `download`, while iterating."""
    with opened(_checked(url)) as answer:
        yield from _limited(answer, url, limit, check)


def _limited(
    answer: HTTPResponse, url: str, limit: int, check: Callable[[], None]
) -> Iterator[bytes]:
    size = 0
    for piece in pieces(answer):
        check()
        size += len(piece)
        if size > limit:
            raise ResourceExhausted(f"{redacted(url)} is larger than the limit of {limit} bytes")
        yield piece


def _write(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as err:
        raise InvalidArgument(f"invalid URL {redacted(url)!r}: {err}") from err
    # http.client refuses spaces and control characters itself, in words for programmers.
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or " " in url:
        raise InvalidArgument(f"invalid URL {redacted(url)!r}: only http and https can be fetched")
    if parts.username is not None:
        raise InvalidArgument(
            f"invalid URL {redacted(url)!r}: it holds credentials",
            hint=f"give them as the secret HTTP_AUTH_HEADER_{host}",
        )
    return url


def _authorization(url: str, secrets: Mapping[str, Secret]) -> dict[str, str]:
    host = urlsplit(url).hostname or ""
    header = secrets.get(f"HTTP_AUTH_HEADER_{host}")
    if header is not None:
        return {"Authorization": _text(header)}
    token = secrets.get(f"HTTP_AUTH_TOKEN_{host}")
    return {} if token is None else {"Authorization": f"Bearer {_text(token)}"}


def _text(secret: Secret) -> str:
    text = secret.data.decode("latin-1").strip()
    if not text.isprintable():
        raise InvalidArgument("a secret for an HTTP server has characters that no header can hold")
    return text


def _modified(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError, TypeError):
        return 0
