"""Contents (skeleton; signatures are fixed)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.oci.digest import Digest
    from baleen.registry.settings import Settings

__all__ = ["Blob", "Contents", "StoredManifest", "open_contents"]


@dataclass(frozen=True, slots=True)
class Blob:
    digest: Digest
    size: int
    location: str


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """`tagged_at`: UTC seconds at which the tag that was asked for was last written; 0 for a digest."""

    digest: Digest
    media_type: str
    payload: bytes
    tagged_at: float


class Contents:
    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def check(self) -> None:
        """Raise Unavailable unless database and storage answer (for health)."""

    async def blob(self, repository: str, digest: Digest) -> Blob | None: ...
    async def put_blob(
        self, repository: str, digest: Digest, pieces: AsyncIterator[bytes], size: int | None = None
    ) -> Blob:
        """Store a whole blob, verified before it becomes visible; DIGEST_INVALID/SIZE_INVALID."""
        raise NotImplementedError

    async def manifest(self, repository: str, reference: Digest | str) -> StoredManifest | None: ...
    async def put_manifest(
        self,
        repository: str,
        reference: Digest | str,
        media_type: str,
        payload: bytes,
        *,
        complete: bool = True,
    ) -> Digest:
        """`complete=False`: blobs and children may be absent (pull-through cache)."""
        raise NotImplementedError

    async def delete_tag(self, repository: str, tag: str) -> bool: ...
    async def tags(self, repository: str, last: str, limit: int) -> list[str] | None: ...


def open_contents(settings: Settings) -> Contents:
    raise NotImplementedError
