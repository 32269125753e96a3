"""The pull-through cache itself: what is fresh, what is fetched, and for whom.

Many requests for the same thing are one request upstream. A fetch belongs to the cache, not to the
client that caused it: it goes on when that one leaves.

Whom content is for (G17): with `auth` of our own, a request has passed it before we are asked.
Without it and with an upstream login, only repositories that the upstream shows to everybody are
served, unless `shareprivate` says otherwise.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from baleen.errors import DataLoss, NotFound, PermissionDenied, Unavailable
from baleen.oci.digest import Digest
from baleen.registry.errors import ApiError, Code
from baleen.registry.proxy.incoming import IncomingBlob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable

    from baleen.registry.access import Actor
    from baleen.registry.contents import Contents
    from baleen.registry.proxy.upstream_client import UpstreamClient
    from baleen.registry.watching.numbers import Numbers

__all__ = ["Cache"]

T = TypeVar("T")
_MOST_FETCHES = 32
_PUBLIC_FOR_S = 300.0
_MOST_REMEMBERED = 4096


class Cache:
    """An `Upstream`.

    Args:
        client: asks the upstream with our login.
        anonymous: asks it as nobody, to learn what is public; None serves everything.
        tag_ttl_s: how long a tag is served without asking.
        spool: directory for blobs on their way.
        metrics: counts.
        complain: is told of what the upstream does wrong.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        client: UpstreamClient,
        anonymous: UpstreamClient | None,
        *,
        tag_ttl_s: float,
        spool: str | None,
        metrics: Numbers,
        complain: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._anonymous = anonymous
        self._tag_ttl_s = tag_ttl_s
        self._spool = spool
        self._metrics = metrics
        self._complain = complain
        self._clock = clock
        self._public: dict[str, tuple[bool, float]] = {}
        # One kind of key is one type of result.
        self._flights: dict[Hashable, asyncio.Future[Any]] = {}
        self._incoming: dict[tuple[str, Digest], asyncio.Future[IncomingBlob | None]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._slots = asyncio.Semaphore(_MOST_FETCHES)

    async def run(self) -> None:
        """Hold all fetches until cancelled; what is incomplete then is dropped by the store."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None
            await self._client.close()
            if self._anonymous is not None:
                await self._anonymous.close()

    async def manifest(
        self, repository: str, reference: Digest | str, contents: Contents, actor: Actor
    ) -> None:
        """See `Upstream.manifest`."""
        del actor
        await self._admit(repository)
        key = ("manifest", repository, str(reference))
        await self._one_flight(key, lambda: self._manifest(repository, reference, contents))

    async def blob(
        self, repository: str, digest: Digest, contents: Contents, actor: Actor
    ) -> IncomingBlob | None:
        """See `Upstream.blob`."""
        del actor
        await self._admit(repository)
        if await contents.blob(repository, digest) is not None:
            self._count("blob", "hit")
            return None
        key = (repository, digest)
        begun = self._incoming.get(key)
        if begun is None:
            begun = asyncio.get_running_loop().create_future()
            self._spawn(self._fetch(repository, digest, contents, begun))
            self._incoming[key] = begun
        return await asyncio.shield(begun)

    async def tags(self, repository: str, contents: Contents, actor: Actor) -> list[str] | None:
        """See `Upstream.tags`."""
        del contents, actor
        await self._admit(repository)
        try:
            return await self._one_flight(
                ("tags", repository), lambda: self._client.tags(repository)
            )
        except NotFound as err:
            raise ApiError(Code.NAME_UNKNOWN) from err
        except PermissionDenied as err:
            raise ApiError(Code.DENIED, err.message) from err
        except (Unavailable, DataLoss) as err:
            self._complain(f"tags of {repository}: {err}")
            return None

    async def _manifest(self, repository: str, reference: Digest | str, contents: Contents) -> None:
        local = await contents.manifest(repository, reference)
        if local is not None and (
            isinstance(reference, Digest) or self._clock() < local.tagged_at + self._tag_ttl_s
        ):
            self._count("manifest", "hit")
            return
        try:
            if local is not None and local.digest == await self._client.manifest_digest(
                repository, str(reference)
            ):
                # Written again, the tag is as fresh as the upstream's answer.
                media_type, payload = local.media_type, local.payload
                self._count("manifest", "hit")
            else:
                fetched = await self._client.manifest(repository, reference)
                media_type, payload = fetched.media_type, fetched.payload
                self._count("manifest", "miss")
        except NotFound:
            if local is not None and not isinstance(reference, Digest):
                await contents.delete_tag(repository, reference)
            return
        except PermissionDenied as err:
            self._count("manifest", "failed")
            raise ApiError(Code.DENIED, err.message) from err
        except (Unavailable, DataLoss) as err:
            self._complain(f"manifest {reference} of {repository}: {err}")
            if local is None:
                self._count("manifest", "failed")
                raise ApiError(Code.UNAVAILABLE, err.message) from err
            self._count("manifest", "stale")
            return
        await contents.put_manifest(repository, reference, media_type, payload, complete=False)

    async def _fetch(
        self,
        repository: str,
        digest: Digest,
        contents: Contents,
        begun: asyncio.Future[IncomingBlob | None],
    ) -> None:
        """Fetch a blob; `begun` gets it as soon as its size is known, or None, or an error."""
        incoming: IncomingBlob | None = None
        is_verified = False
        try:
            async with self._slots, self._client.blob(repository, digest) as (size, pieces):
                if size:
                    incoming = IncomingBlob(size, self._spool)
                    begun.set_result(incoming)
                    pieces = incoming.feed(pieces)
                await contents.put_blob(repository, digest, self._counted(pieces), size)
                is_verified = True
                self._count("blob", "miss")
        except Exception as err:  # whatever it is, other fetches go on
            self._failed(begun, err, f"blob {digest} of {repository}")
        finally:
            # From here on a request finds the blob local, or begins anew.
            del self._incoming[repository, digest]
            if incoming is not None:
                incoming.finish(is_verified=is_verified)
            if not begun.done():
                begun.set_result(None)

    def _failed(
        self, begun: asyncio.Future[IncomingBlob | None], err: Exception, what: str
    ) -> None:
        if isinstance(err, NotFound):
            return
        self._count("blob", "failed")
        self._complain(f"{what}: {err}")
        if begun.done():
            return
        code = Code.DENIED if isinstance(err, PermissionDenied) else Code.UNAVAILABLE
        begun.set_exception(ApiError(code, "the upstream's blob cannot be had"))
        # Whoever asked may be gone; then nobody looks at it.
        begun.exception()

    async def _counted(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            self._metrics.proxy_pulled_bytes.inc(len(piece))
            yield piece

    async def _admit(self, repository: str) -> None:
        """Refuse a repository that not everybody may see, if we cannot tell who asks."""
        if self._anonymous is None:
            return
        is_public, until = self._public.get(repository, (False, 0.0))
        if self._clock() >= until:
            try:
                anonymous = self._anonymous
                is_public = await self._one_flight(
                    ("public", repository), lambda: anonymous.may_pull(repository)
                )
            except Unavailable as err:
                # What was public stays so while the upstream is down.
                if not is_public:
                    raise ApiError(Code.UNAVAILABLE, err.message) from err
            if len(self._public) >= _MOST_REMEMBERED:
                self._public.clear()
            self._public[repository] = (is_public, self._clock() + _PUBLIC_FOR_S)
        if not is_public:
            raise ApiError(Code.DENIED, "the upstream does not show this repository to everybody")

    async def _one_flight(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`, or wait for the same work that runs already."""
        result = self._flights.get(key)
        if result is None:
            result = asyncio.get_running_loop().create_future()
            self._spawn(self._fly(key, work, result))
            self._flights[key] = result
        return cast("T", await asyncio.shield(result))

    async def _fly(
        self, key: Hashable, work: Callable[[], Awaitable[T]], result: asyncio.Future[T]
    ) -> None:
        try:
            result.set_result(await work())
        except Exception as err:  # belongs to those who wait, if any still do
            result.set_exception(err)
            result.exception()
        finally:
            del self._flights[key]
            result.cancel()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        if self._tasks is None:
            work.close()
            raise ApiError(Code.UNAVAILABLE, "the registry is starting or stopping")
        self._tasks.create_task(work)

    def _count(self, kind: str, result: str) -> None:
        self._metrics.proxy_requests.labels(kind, result).inc()
