"""What a registry holds, without HTTP: blobs, uploads, manifests and tags.

Whatever a method reports as done is durable. Order makes it so: the bytes of a blob are safe before
the database names them, and the database stops naming them before they are removed; so kill -9 at
any point leaves at worst bytes that nobody names, which the next collection removes.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.oci.digest import Digest
from baleen.registry.documents import read_document
from baleen.registry.errors import ApiError, Code
from baleen.registry.metadata import blobs as blob_records
from baleen.registry.metadata import manifests as manifest_records
from baleen.registry.metadata import tags as tag_records
from baleen.registry.metadata.blobs import Blob
from baleen.registry.metadata.manifests import StoredManifest
from baleen.registry.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from baleen.registry.documents import Document
    from baleen.registry.metadata.database import Database
    from baleen.registry.settings import Settings
    from baleen.registry.storage.driver import Reader, Storage
    from baleen.registry.uploads import Upload

__all__ = ["Blob", "Contents", "StoredManifest", "open_contents"]

log = logging.getLogger(__name__)

_THREADS = 12
_SOURCES = 50


class Contents:
    """See the module's text. Used by one event loop.

    Attributes:
        database, storage: where everything lies; for collections and commands.
        clock: UTC seconds.
        grace_s: see `settings.Garbage`.
    """

    def __init__(
        self,
        storage: Storage,
        database: Database,
        *,
        grace_s: float = 24 * 3600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.storage = storage
        self.database = database
        self.clock = clock
        self.grace_s = grace_s
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="registry-io")
        self.uploads = Uploads(storage, self._pool, clock)

    async def start(self) -> None:
        """Make or open storage and database; see their own errors."""
        await self.uploads.in_thread(self.storage.start)
        await self.database.start()

    async def close(self) -> None:
        """Finish what is under way; may be repeated."""
        await self.database.close()
        self._pool.shutdown()

    async def check(self) -> None:
        """Raise Unavailable or ResourceExhausted unless both answer."""
        await self.uploads.in_thread(self.storage.check)
        await self.database.read(lambda tx: tx.execute("SELECT number FROM version"))

    # Blobs

    async def blob(self, repository: str, digest: Digest) -> Blob | None:
        """Return a blob that `repository` may use; a push may count on it for the grace period."""
        blob = await self.database.read(lambda tx: blob_records.find_blob(tx, repository, digest))
        now = self.clock()
        if blob is not None and not blob.refs and blob.idle_since < now - self.grace_s / 8:
            await self.database.write(lambda tx: blob_records.touch(tx, repository, digest, now))
        return blob

    async def open(self, blob: Blob, start: int = 0, length: int = 0) -> tuple[Reader, bytes]:
        """Open a blob and read its first bytes; the caller closes the reader.

        Raises:
            ApiError: BLOB_UNKNOWN when the storage lost it; a later push brings it back.
        """

        def work() -> tuple[Reader, bytes] | None:
            reader = self.storage.open(blob.location)
            if reader is None:
                return None
            try:
                return reader, reader.read(start, length) if length else b""
            except BaseException:
                reader.close()
                raise

        opened = await self.uploads.in_thread(work)
        if opened is None:
            log.error("blob %s is not in the storage at %s", blob.digest, blob.location)
            raise ApiError(Code.BLOB_UNKNOWN, detail={"digest": blob.digest})
        return opened

    async def finish(self, upload: Upload, digest: Digest) -> Blob:
        """Verify an upload and make it a blob of its repository.

        Raises:
            ApiError: DIGEST_INVALID; the session is over.
        """
        await upload.verify(digest)
        repository, size = upload.session.repository, upload.size
        lost = ""
        known = await self.database.read(lambda tx: blob_records.location_of(tx, digest))
        if known is not None:
            if await self.uploads.in_thread(self.storage.has, known):
                blob = await self.database.write(
                    lambda tx: blob_records.link_known(tx, repository, digest, self.clock())
                )
                if blob is not None:
                    await upload.discard()
                    return blob
            else:
                lost = known
        location = await upload.commit(digest)
        blob = await self.database.write(
            lambda tx: blob_records.add_blob(
                tx, repository, digest, size, location, self.clock(), lost
            )
        )
        if blob.location != location:
            await self.uploads.in_thread(self.storage.remove, location)
        return blob

    async def put_blob(
        self, repository: str, digest: Digest, pieces: AsyncIterator[bytes], size: int | None = None
    ) -> Blob:
        """Store a whole blob; nothing of it is visible before it is verified.

        Raises:
            ApiError: DIGEST_INVALID, or SIZE_INVALID unless it has `size` bytes.
        """
        session = await self.uploads.begin(repository, "")
        async with self.uploads.hold(repository, session, "") as upload:
            try:
                await upload.append(pieces, size)
                if size is not None and upload.size != size:
                    raise ApiError(Code.SIZE_INVALID, f"{upload.size} bytes came instead of {size}")
                return await self.finish(upload, digest)
            finally:
                if not upload.ended:
                    await upload.discard()

    async def sources(self, digest: Digest) -> list[str]:
        """Return some repositories that may use the blob."""
        return await self.database.read(lambda tx: blob_records.sources(tx, digest, _SOURCES))

    async def mount(self, repository: str, digest: Digest, source: str) -> Blob | None:
        """Let `repository` use a blob of `source`; None unless that has it.

        Rights on `source` are the caller's to ask.
        """
        blob = await self.blob(source, digest)
        if blob is None or not await self.uploads.in_thread(self.storage.has, blob.location):
            return None
        return await self.database.write(
            lambda tx: blob_records.link_known(tx, repository, digest, self.clock())
        )

    async def delete_blob(self, repository: str, digest: Digest) -> None:
        """Take a blob from a repository.

        Raises:
            ApiError: BLOB_UNKNOWN; UNSUPPORTED while a manifest of the repository needs it.
        """
        parent = await self.database.write(lambda tx: blob_records.unlink(tx, repository, digest))
        if parent is None:
            raise ApiError(Code.BLOB_UNKNOWN, detail={"digest": digest})
        if parent:
            raise ApiError(
                Code.UNSUPPORTED,
                f"the blob is part of manifest {parent}; delete that first",
                detail={"digest": digest},
            )

    # Manifests

    async def manifest(self, repository: str, reference: Digest | str) -> StoredManifest | None:
        """Return the manifest that a digest or a tag names."""
        return await self.database.read(
            lambda tx: manifest_records.find_manifest(tx, repository, reference)
        )

    async def put_manifest(
        self,
        repository: str,
        reference: Digest | str,
        media_type: str,
        payload: bytes,
        *,
        complete: bool = True,
    ) -> tuple[Digest, Document]:
        """Store a manifest under its digest, and under `reference` if that is a tag.

        It is refused unless the blobs and manifests that it names are here; but with `complete`
        off they may come later or never: a cache fetches them when they are asked for.

        Raises:
            ApiError: DIGEST_INVALID, MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN.
        """
        if isinstance(reference, Digest):
            digest, tag = reference, None
            if not digest.matches(payload):
                raise ApiError(Code.DIGEST_INVALID, detail={"digest": digest})
        else:
            digest, tag = Digest.of(payload), reference
        document = read_document(payload, digest, media_type)
        now = self.clock()
        await self.database.write(
            lambda tx: manifest_records.add_manifest(
                tx, repository, digest, document, tag, now, complete=complete
            )
        )
        return digest, document

    async def delete_manifest(self, repository: str, digest: Digest) -> list[str]:
        """Remove a manifest and the tags that point at it, which are returned.

        Raises:
            ApiError: MANIFEST_UNKNOWN.
        """
        tags = await self.database.write(
            lambda tx: manifest_records.remove_manifest(tx, repository, digest, self.clock())
        )
        if tags is None:
            raise ApiError(Code.MANIFEST_UNKNOWN, detail={"digest": digest})
        return tags

    async def delete_tag(self, repository: str, tag: str) -> str | None:
        """Remove a tag; return the digest at which it pointed, or None when there is none."""
        return await self.database.write(lambda tx: tag_records.remove_tag(tx, repository, tag))

    async def referrers(
        self, repository: str, subject: Digest, last: str, limit: int, artifact_type: str
    ) -> list[tuple[str, bytes]]:
        """Return digest and descriptor of manifests that refer to `subject`, after `last`."""
        return await self.database.read(
            lambda tx: manifest_records.referrers(
                tx, repository, subject, last, limit, artifact_type
            )
        )

    # Lists

    async def tags(self, repository: str, last: str, limit: int) -> list[str] | None:
        """Return up to `limit` tags after `last`; None when there is no such repository."""
        return await self.database.read(
            lambda tx: tag_records.list_tags(tx, repository, last, limit)
        )

    async def repositories(self, last: str, limit: int) -> list[str]:
        """Return up to `limit` repositories with content after `last`."""
        return await self.database.read(lambda tx: tag_records.catalog(tx, last, limit))


def open_contents(settings: Settings) -> Contents:
    """Return the contents that `settings` describe, not started."""
    return Contents(
        _open_storage(settings), _open_database(settings), grace_s=settings.garbage.grace_s
    )


def _open_storage(settings: Settings) -> Storage:
    if settings.storage.s3 is not None:
        from baleen.registry.storage.s3 import S3Storage

        return S3Storage(settings.storage.s3)
    from baleen.registry.storage.files import FileStorage

    return FileStorage(Path(settings.storage.root))


def _open_database(settings: Settings) -> Database:
    if settings.database.url:
        from baleen.registry.metadata.postgres import PostgresDatabase

        return PostgresDatabase(settings.database.url)
    from baleen.registry.metadata.sqlite import SqliteDatabase

    return SqliteDatabase(Path(settings.storage.root) / "registry.db")
