"""All containers of the daemon: the live view in memory, written through to the database.

Every change is durable (see `Database`) before the method returns. Methods are called from the
daemon's one thread and never wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.containers.record import ContainerRecord
    from baleen.containers.state import Status

__all__ = ["ContainerStore"]


class ContainerStore:
    """Signatures; the body follows.

    __init__(database, *, clock=time.time, random=random.Random())
    names: NameIndex            # reserve()/reserve_random()/release() before the record exists
    load() -> None              # at start-up
    """

    def add(self, record: ContainerRecord) -> None:
        """Keep a new record; its name must be free or reserved for its id."""
        raise NotImplementedError

    def get(self, unsafe_reference: str) -> ContainerRecord:
        """Resolve a reference (NotFound, InvalidArgument)."""
        raise NotImplementedError

    def by_id(self, container_id: str) -> ContainerRecord | None:
        """Return the record of a full id, or None."""
        raise NotImplementedError

    def update(self, container_id: str, **changes: object) -> ContainerRecord:
        """Replace fields, write, and return the new record."""
        raise NotImplementedError

    def move(self, container_id: str, status: Status, **changes: object) -> ContainerRecord:
        """`update` with a checked change of status (Conflict)."""
        raise NotImplementedError

    def rename(self, container_id: str, name: str) -> ContainerRecord:
        """Give a new name (AlreadyExists)."""
        raise NotImplementedError

    def remove(self, container_id: str) -> None:
        """Forget the container; success means that it is gone."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[ContainerRecord]:
        raise NotImplementedError

    def list_json(
        self,
        *,
        all: bool,  # noqa: A002
        limit: int,
        filters: dict[str, list[str]],
        sizes: dict[str, tuple[int, int]] | None = None,
    ) -> bytes:
        """Return the body of /containers/json."""
        raise NotImplementedError

    def inspect_json(
        self, record: ContainerRecord, *, exec_ids: list[str], size: tuple[int, int] | None = None
    ) -> bytes:
        """Return the body of /containers/{id}/json."""
        raise NotImplementedError
