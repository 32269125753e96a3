"""A small registry client: manifests, blobs and tags of one upstream, with its authentication.

Credentials go to the upstream itself and to the realm that it names, if that is https or on the
upstream's own host; never to where a blob is redirected. Tokens are kept until shortly before they
expire.

See: OCI distribution-spec spec.md, "Pull"; Docker's registry documentation, "Token Authentication".
"""

from __future__ import annotations

import base64
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from yarl import URL

from baleen.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied, Unavailable
from baleen.oci.digest import Digest

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

__all__ = ["ACCEPTED", "FetchedManifest", "Login", "UpstreamClient"]

ACCEPTED = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
MANIFEST_LIMIT = 4 * 1024 * 1024
_TOKEN_LIMIT = 256 * 1024
_TAGS_LIMIT = 16 * 1024 * 1024
# A blob may take any time, as long as something comes.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_MOST_PAGES = 1000
_MOST_TOKENS = 1024
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]{0,4096})"')
_NEXT = re.compile(r'<([^<>]{1,4096})>\s*;\s*rel="?next"?')


@dataclass(frozen=True, slots=True)
class Login:
    """What opens the upstream; both empty for nobody in particular."""

    user: str = ""
    password: str = ""

    def basic(self) -> str:
        """Return it for an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class FetchedManifest:
    """A manifest whose bytes have `digest`."""

    digest: Digest
    media_type: str
    payload: bytes


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""
    expires_in: float = 60


class _Tags(msgspec.Struct, frozen=True):
    tags: list[str] | None = None


class UpstreamClient:
    """Asks one upstream, as one login.

    Args:
        remote_url: of the upstream, without `/v2/`.
        login: whose rights are used.
        context: of TLS; None for the system's authorities.
        clock: seconds, monotonic.

    Every method raises Unavailable if the upstream cannot be reached or answers with 5xx or 429,
    PermissionDenied if it refuses, NotFound if it does not have what was asked for.
    """

    def __init__(
        self,
        remote_url: str,
        login: Login,
        *,
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._base = URL(remote_url.rstrip("/"))
        if self._base.scheme not in {"http", "https"} or not self._base.host:
            raise InvalidArgument("proxy.remoteurl is no URL of a registry")
        self._login = login
        self._context: ssl.SSLContext | bool = context if context is not None else True
        self._clock = clock
        self._tokens: dict[str, tuple[str, float]] = {}

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def manifest_digest(self, repository: str, reference: str) -> Digest | None:
        """Return the digest of a manifest without fetching it; None if the upstream says none."""
        url = self._url(repository, "manifests", reference)
        async with self._request("HEAD", url, repository, {"Accept": ACCEPTED}) as response:
            return _digest_of(response)

    async def manifest(self, repository: str, reference: Digest | str) -> FetchedManifest:
        """Fetch a manifest; its digest is that which was asked for, or which the upstream says.

        Raises:
            DataLoss: its bytes have another digest, or are above 4 MiB.
        """
        url = self._url(repository, "manifests", str(reference))
        async with self._request("GET", url, repository, {"Accept": ACCEPTED}) as response:
            payload = await _read(response, MANIFEST_LIMIT)
            expected = reference if isinstance(reference, Digest) else _digest_of(response)
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        if expected is None:
            expected = Digest.of(payload)
        elif not expected.matches(payload):
            raise DataLoss("the upstream's manifest does not have the digest that it says")
        return FetchedManifest(expected, media_type, payload)

    @asynccontextmanager
    async def blob(
        self, repository: str, digest: Digest
    ) -> AsyncIterator[tuple[int | None, AsyncIterator[bytes]]]:
        """Fetch a blob: its size, if the upstream says it, and its pieces, not verified."""
        url = self._url(repository, "blobs", str(digest))
        # Compressed on the way it would not be the bytes that have the digest.
        async with self._request(
            "GET", url, repository, {"Accept-Encoding": "identity"}
        ) as response:
            yield response.content_length, _pieces(response)

    async def tags(self, repository: str) -> list[str]:
        """Return all tags, in the upstream's order."""
        found: list[str] = []
        url: URL | None = self._url(repository, "tags", "list")
        for _ in range(_MOST_PAGES):
            if url is None:
                break
            async with self._request("GET", url, repository, {}) as response:
                body = await _read(response, _TAGS_LIMIT)
                link = _NEXT.search(response.headers.get("Link", ""))
            try:
                found += msgspec.json.decode(body, type=_Tags).tags or []
            except msgspec.MsgspecError as err:
                raise Unavailable("the upstream's list of tags is malformed") from err
            following = url.join(URL(link[1], encoded=True)) if link else None
            # Pages lie where the first one was; anything else would be a way to other hosts.
            url = following if following and following.origin() == self._base.origin() else None
        return found

    async def may_pull(self, repository: str) -> bool:
        """Say whether this login may see a repository."""
        url = self._url(repository, "tags", "list").with_query({"n": "1"})
        try:
            async with self._request("GET", url, repository, {}):
                return True
        except (PermissionDenied, NotFound):
            return False

    def _url(self, repository: str, kind: str, last: str) -> URL:
        return self._base / "v2" / repository / kind / last

    @asynccontextmanager
    async def _request(
        self, method: str, url: URL, repository: str, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        authorization = self._known_token(repository)
        for attempt in (1, 2):
            every = {**headers, **({"Authorization": authorization} if authorization else {})}
            async with self._sent(method, url, every) as response:
                if response.status == 401 and attempt == 1:
                    challenge = response.headers.get("WWW-Authenticate", "")
                else:
                    _check(response)
                    yield response
                    return
            authorization = await self._authorization(challenge, repository)

    @asynccontextmanager
    async def _sent(
        self, method: str, url: URL, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request; aiohttp takes `Authorization` away when a redirect leaves the host."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.request(
                method, url, headers=headers, ssl=self._context, max_redirects=5
            ) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError) as err:
            raise Unavailable(f"the upstream cannot be asked: {type(err).__name__}") from err

    def _known_token(self, repository: str) -> str:
        token, until = self._tokens.get(repository, ("", 0.0))
        return token if self._clock() < until else ""

    async def _authorization(self, challenge: str, repository: str) -> str:
        scheme, _, rest = challenge.partition(" ")
        parameters = {name.lower(): value for name, value in _PARAMETER.findall(rest)}
        login = self._login.basic()
        if scheme.lower() == "basic" and self._login.user:
            self._keep(repository, login, 300)
            return login
        if scheme.lower() != "bearer" or "realm" not in parameters:
            raise PermissionDenied("the upstream wants credentials")
        realm = URL(parameters["realm"])
        if self._login.user and realm.scheme != "https" and realm.host != self._base.host:
            raise PermissionDenied("the upstream's realm would get the password in the clear")
        query = {"scope": f"repository:{repository}:pull"}
        if "service" in parameters:
            query["service"] = parameters["service"]
        headers = {"Authorization": login} if self._login.user else {}
        async with self._sent("GET", realm.update_query(query), headers) as response:
            _check(response)
            body = await _read(response, _TOKEN_LIMIT)
        try:
            answer = msgspec.json.decode(body, type=_Token)
        except msgspec.MsgspecError as err:
            raise Unavailable("the upstream's token cannot be read") from err
        token = f"Bearer {answer.token or answer.access_token}"
        self._keep(repository, token, max(answer.expires_in, 60) * 0.8)
        return token

    def _keep(self, repository: str, authorization: str, life_s: float) -> None:
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens.clear()
        self._tokens[repository] = (authorization, self._clock() + life_s)


def _check(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in {401, 403}:
        raise PermissionDenied("the upstream refuses")
    if status in {400, 404, 410}:
        raise NotFound("the upstream does not have it")
    if status != 200:
        raise Unavailable(f"the upstream answers {status}")


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    found = bytearray()
    async for piece in response.content.iter_any():
        found += piece
        if len(found) > limit:
            raise DataLoss(f"the upstream's answer is above {limit} bytes")
    return bytes(found)


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for piece in response.content.iter_any():
        yield piece


def _digest_of(response: aiohttp.ClientResponse) -> Digest | None:
    text = response.headers.get("Docker-Content-Digest")
    if not text:
        return None
    try:
        return Digest(text)
    except InvalidArgument as err:
        raise Unavailable("the upstream's digest is malformed") from err
