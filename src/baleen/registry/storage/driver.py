"""The interface of storage drivers. All calls block; they are made from threads.

A location is `<algorithm>/<two digits>/<digits>.<generation>`, so that it tells the digest.

    begin(session) ── resume(id) ─► Ingest ── write … ── suspend ── resume … ── commit ─► location
                                        └── discard

Any call may raise ResourceExhausted (no space), Unavailable (the service behind does not answer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.oci.digest import Digest

__all__ = ["Ingest", "Reader", "Session", "Storage"]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An upload under way.

    Attributes:
        id: random, 32 hexadecimal digits.
        repository: the only one in which it can be used.
        owner: name of the only actor who can use it.
        started: UTC seconds.
    """

    id: str
    repository: str
    owner: str
    started: float


class Reader(Protocol):
    """An open blob."""

    size: int

    def read(self, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start`; empty only at the end."""
        ...

    def close(self) -> None:
        """Give it back; may be repeated."""


class Ingest(Protocol):
    """The bytes of one session, held by one writer until suspend, commit or discard."""

    session: Session
    size: int

    def write(self, data: bytes) -> None:
        """Append `data`."""

    def truncate(self, size: int) -> None:
        """Forget what was appended behind `size`."""

    def pieces(self) -> Iterator[bytes]:
        """Give all bytes from the beginning."""
        ...

    def suspend(self) -> None:
        """Keep the session for a later `resume`; may be repeated, also after an end."""

    def commit(self, digest: Digest) -> str:
        """Make the bytes durable under a fresh location for `digest`, which was verified.

        The session is over.
        """
        ...

    def discard(self) -> None:
        """End the session and remove its bytes."""


class Storage(Protocol):
    """A driver."""

    def start(self) -> None:
        """Make what must be there; InvalidArgument when it cannot be used at all."""

    def check(self) -> None:
        """Raise Unavailable unless it can be written to."""

    def begin(self, session: Session) -> None:
        """Make an empty session."""

    def resume(self, session_id: str) -> Ingest | None:
        """Take hold of a session; None when there is none.

        Raises:
            Conflict: another writer holds it.
        """
        ...

    def sessions(self) -> Iterator[Session]:
        """Give all sessions."""
        ...

    def end(self, session_id: str) -> bool:
        """Remove a session that nobody holds; say whether it is gone."""
        ...

    def open(self, location: str) -> Reader | None:
        """Open a blob; None when it is not there."""
        ...

    def path(self, location: str) -> str:
        """Return the blob's file, for a server that sends files itself, or nothing."""
        ...

    def has(self, location: str) -> bool:
        """Say whether there is such a blob."""
        ...

    def remove(self, location: str) -> None:
        """Remove a blob; success means that it is gone."""

    def locations(self) -> Iterator[tuple[str, float]]:
        """Give all locations, and when each was committed (UTC seconds)."""
        ...
