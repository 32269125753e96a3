"""Uploads: sessions that a client fills in one or many requests, and hashes kept beside them.

Bytes are written and hashed in a thread while the next ones arrive; at most two batches of one
upload are in memory. The hash goes on from request to request in this process; where it is not
known (another process, a restart, sha512), the stored bytes are read again at the end.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from baleen.errors import Conflict, ResourceExhausted
from baleen.registry.errors import ApiError, Code
from baleen.registry.storage.driver import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import ThreadPoolExecutor

    from baleen.oci.digest import Digest, Hasher
    from baleen.registry.storage.driver import Ingest, Storage

__all__ = ["Upload", "Uploads"]

Result = TypeVar("Result")

_BATCH = 1 << 20
_HASHES = 4096


class Upload:
    """A session that this request holds.

    Attributes:
        hasher: SHA-256 of the bytes so far, or None where they have to be read again.
        ended: committed or discarded.
    """

    def __init__(self, owner: Uploads, ingest: Ingest, hasher: Hasher | None) -> None:
        self._owner = owner
        self._ingest = ingest
        self.hasher = hasher
        self.ended = False

    @property
    def session(self) -> Session:
        """Whose it is."""
        return self._ingest.session

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._ingest.size

    async def append(self, pieces: AsyncIterator[bytes], limit: int | None = None) -> None:
        """Add what comes; when the stream ends with an error, what came before stays.

        Raises:
            ApiError: SIZE_INVALID when more than `limit` bytes come; they are forgotten.
            ResourceExhausted: no space; the session is over.
        """
        start = self.size
        writing: asyncio.Future[None] | None = None
        batch: list[bytes] = []
        held = total = 0
        try:
            async for piece in pieces:
                batch.append(piece)
                held += len(piece)
                total += len(piece)
                if limit is not None and total > limit:
                    break
                if held >= _BATCH:
                    if writing is not None:
                        await writing
                    writing = self._owner.start_in_thread(self._write, batch)
                    batch, held = [], 0
        finally:
            # Also when the client went away: what it sent is kept for it.
            if writing is not None:
                await self._shielded(writing)
            if batch and not self.ended:
                await self._shielded(self._owner.start_in_thread(self._write, batch))
        if limit is not None and total > limit:
            await self.rewind(start)
            raise ApiError(Code.SIZE_INVALID, f"more than the announced {limit} bytes were sent")

    async def _shielded(self, writing: asyncio.Future[None]) -> None:
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # The thread still uses our file: nobody may close it before.
            await asyncio.wait([writing])
            raise

    def _write(self, batch: list[bytes]) -> None:
        data = batch[0] if len(batch) == 1 else b"".join(batch)
        try:
            self._ingest.write(data)
        except ResourceExhausted:
            self.ended = True
            self._ingest.discard()
            raise
        if self.hasher is not None:
            self.hasher.update(data)

    async def rewind(self, size: int) -> None:
        """Forget what lies behind `size`."""
        if self.size != size:
            self.hasher = None
            await self._owner.in_thread(self._ingest.truncate, size)

    async def verify(self, digest: Digest) -> None:
        """Compare the bytes with `digest`.

        Raises:
            ApiError: DIGEST_INVALID; the session is over.
        """
        if self.hasher is not None and digest.algorithm == "sha256":
            actual = self.hasher.hexdigest()
        else:
            actual = await self._owner.in_thread(self._read_hash, digest)
        if actual != digest.encoded:
            await self.discard()
            raise ApiError(Code.DIGEST_INVALID, detail={"digest": digest})

    def _read_hash(self, digest: Digest) -> str:
        hasher = digest.hasher()
        for piece in self._ingest.pieces():
            hasher.update(piece)
        return hasher.hexdigest()

    async def commit(self, digest: Digest) -> str:
        """Make the bytes, verified before, durable; return their location. The session is over."""
        self.ended = True
        return await self._owner.in_thread(self._ingest.commit, digest)

    async def discard(self) -> None:
        """End the session and remove its bytes."""
        self.ended = True
        await self._owner.in_thread(self._ingest.discard)


class Uploads:
    """All sessions of one storage."""

    def __init__(
        self, storage: Storage, pool: ThreadPoolExecutor, clock: Callable[[], float]
    ) -> None:
        self._storage = storage
        self._pool = pool
        self._clock = clock
        self._hashes: OrderedDict[str, tuple[int, Hasher]] = OrderedDict()

    def start_in_thread(
        self, work: Callable[..., Result], *arguments: object
    ) -> asyncio.Future[Result]:
        """Run blocking work in the pool."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Run blocking work in the pool and wait for it, also when cancelled."""
        running = self.start_in_thread(work, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    async def begin(self, repository: str, owner: str) -> str:
        """Make a session; return its id."""
        session = Session(
            id=secrets.token_hex(16), repository=repository, owner=owner, started=self._clock()
        )
        await self.in_thread(self._storage.begin, session)
        self._keep(session.id, 0, hashlib.sha256())
        return session.id

    @asynccontextmanager
    async def hold(self, repository: str, session_id: str, owner: str) -> AsyncIterator[Upload]:
        """Hold a session alone; it is kept for later unless it ended inside.

        Raises:
            ApiError: BLOB_UPLOAD_UNKNOWN for no session, or one of another repository or actor;
                BLOB_UPLOAD_INVALID (409) while another request holds it.
        """
        try:
            ingest = await self.in_thread(self._storage.resume, session_id)
        except Conflict as err:
            raise ApiError(Code.BLOB_UPLOAD_INVALID, err.message, status=409) from err
        if ingest is None:
            raise ApiError(Code.BLOB_UPLOAD_UNKNOWN)
        if ingest.session.repository != repository or ingest.session.owner != owner:
            await self.in_thread(ingest.suspend)
            raise ApiError(Code.BLOB_UPLOAD_UNKNOWN)
        size, hasher = self._hashes.pop(session_id, (-1, None))
        upload = Upload(self, ingest, hasher if size == ingest.size else None)
        try:
            yield upload
        finally:
            if not upload.ended:
                if upload.hasher is not None:  # two halves of one module
                    self._keep(session_id, upload.size, upload.hasher)
                await self.in_thread(ingest.suspend)

    def _keep(self, session_id: str, size: int, hasher: Hasher) -> None:
        self._hashes[session_id] = (size, hasher)
        if len(self._hashes) > _HASHES:
            self._hashes.popitem(last=False)

    async def purge(self, before: float, *, dry_run: bool = False) -> int:
        """Remove sessions that were started before `before` and that nobody holds; how many."""
        return await self.in_thread(self._purge, before, dry_run)

    def _purge(self, before: float, dry_run: bool) -> int:
        purged = 0
        for session in list(self._storage.sessions()):
            if session.started < before and (dry_run or self._storage.end(session.id)):
                purged += 1
        return purged
