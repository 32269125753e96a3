"""All containers of the daemon: the live view in memory, written through to the database.

Every change is durable (see `Database`) before the method returns. Methods are called from the
daemon's one thread, never wait, and cost some tens of microseconds where they write.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from baleen.containers.filters import compile_filters
from baleen.containers.inspection import encode_inspection
from baleen.containers.names import NameIndex
from baleen.containers.record import decode_record, encode_record
from baleen.containers.state import Status, check_move
from baleen.containers.summary import Summary
from baleen.errors import DataLoss, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from baleen.containers.record import ContainerRecord
    from baleen.state.database import Database

__all__ = ["ContainerStore"]


def _no_ancestors(reference: str) -> frozenset[str]:
    raise NotFound(f"No such image: {reference}")


def _configured_image(record: ContainerRecord) -> str:
    return record.config.image


class ContainerStore:
    """The current record of every container.

    Args:
        database: where records are kept.
        clock: Unix time in seconds, for the human status texts.
        display_image: what the list shows as `Image`; call `refresh_summaries` when tags move.
        ancestors: from an image reference to the ids that the `ancestor` filter accepts.

    Attributes:
        names: reserve a name here while a container is being made; `add` takes it over.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        display_image: Callable[[ContainerRecord], str] = _configured_image,
        ancestors: Callable[[str], frozenset[str]] = _no_ancestors,
    ) -> None:
        self._database = database
        self._clock = clock
        self._display_image = display_image
        self._ancestors = ancestors
        self.names = NameIndex()
        self._records: dict[str, ContainerRecord] = {}
        self._newest_first: list[str] | None = None
        self._summaries: dict[str, Summary] = {}
        self._inspections: dict[str, tuple[ContainerRecord, tuple[str, ...], bytes]] = {}

    def load(self) -> None:
        """Read all records; called once, before anything else.

        Raises:
            DataLoss: a stored document is not a record.
        """
        for key, document in self._database.all("containers"):
            try:
                record = decode_record(document)
            except msgspec.MsgspecError as err:
                raise DataLoss(f"the stored record of container {key} is damaged: {err}") from err
            self.names.reserve(record.name, record.id)
            self._records[record.id] = record

    # --- one container ---------------------------------------------------------------------

    def add(self, record: ContainerRecord) -> None:
        """Keep a new record.

        Raises:
            AlreadyExists: its name belongs to another container.
        """
        self.names.reserve(record.name, record.id)
        self._database.put("containers", record.id, encode_record(record))
        self._records[record.id] = record
        self._newest_first = None

    def get(self, unsafe_reference: str) -> ContainerRecord:
        """Return the record that a full id, a name or a unique id prefix means.

        Raises:
            NotFound: there is none (an id whose container is still being made counts as none).
            InvalidArgument: an ambiguous prefix.
        """
        record = self._records.get(self.names.resolve(unsafe_reference))
        if record is None:
            raise NotFound(f"No such container: {unsafe_reference}")
        return record

    def by_id(self, container_id: str) -> ContainerRecord | None:
        """Return the record of a full id, or None."""
        return self._records.get(container_id)

    def update(self, container_id: str, **changes: object) -> ContainerRecord:
        """Replace fields of the record, write it, and return the new one.

        Raises:
            NotFound: the container is gone.
            ResourceExhausted: the disk is full; the record is as before.
        """
        old = self._records.get(container_id)
        if old is None:
            raise NotFound(f"No such container: {container_id}")
        record = msgspec.structs.replace(old, **changes)
        self._database.put("containers", container_id, encode_record(record))
        self._records[container_id] = record
        return record

    def move(self, container_id: str, status: Status, **changes: object) -> ContainerRecord:
        """Like `update`, with a change of status that the table of moves must allow.

        Raises:
            Conflict: the move is not allowed.
        """
        old = self._records.get(container_id)
        if old is not None:
            check_move(container_id, old.status, status)
        return self.update(container_id, status=status, **changes)

    def rename(self, container_id: str, name: str) -> ContainerRecord:
        """Give the container another name (already parsed).

        Raises:
            AlreadyExists: another container has it.
        """
        self.names.reserve(name, container_id)
        return self.update(container_id, name=name)

    def remove(self, container_id: str) -> None:
        """Forget the container and free its name; success means that it is gone."""
        self._database.delete("containers", container_id)
        self.names.release(container_id)
        self._records.pop(container_id, None)
        self._summaries.pop(container_id, None)
        self._inspections.pop(container_id, None)
        self._newest_first = None

    def __iter__(self) -> Iterator[ContainerRecord]:
        """Iterate over a copy, so that containers may be removed meanwhile."""
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

    def count(self, *statuses: Status) -> int:
        """Return how many containers are in one of the statuses."""
        return sum(record.status in statuses for record in self._records.values())

    # --- views -------------------------------------------------------------------------------

    def select(
        self, filters: Mapping[str, Sequence[str]], *, include_stopped: bool, limit: int = 0
    ) -> list[ContainerRecord]:
        """Return the matching records, newest first.

        As Docker does: `limit` above zero, and any filter that speaks of a state that is not
        running, include stopped containers without being asked to.

        Raises:
            InvalidArgument: an unknown filter or a malformed value.
            NotFound: `before` or `since` name no container.
        """
        tests = compile_filters(filters, resolve=self.get, ancestors=self._ancestors)
        everything = (
            include_stopped
            or limit > 0
            or any(filters.get(name) for name in ("status", "before", "since", "exited"))
        )
        found = []
        for container_id in self._order():
            record = self._records[container_id]
            if not everything and not record.status.is_active:
                continue
            if all(test(record) for test in tests):
                found.append(record)
                if len(found) == limit:
                    break
        return found

    def list_json(
        self,
        *,
        all: bool,  # noqa: A002  # the API's name of the parameter
        limit: int,
        filters: Mapping[str, Sequence[str]],
        sizes: Mapping[str, tuple[int, int]] | None = None,
    ) -> bytes:
        """Return the body of /containers/json.

        Args:
            all: also containers that are not running.
            limit: at most so many, newest first; 0 and less: no limit.
            filters: see `baleen.containers.filters`.
            sizes: (writable, root file system) in bytes by id, when asked for.
        """
        now = self._clock()
        records = self.select(filters, include_stopped=all, limit=limit)
        summaries = self._summaries
        parts = []
        for record in records:
            summary = summaries.get(record.id)
            if summary is None or summary.record is not record:
                summary = summaries[record.id] = Summary(record, self._display_image)
            if sizes is None:
                parts.append(summary.encoded(now))
            else:
                parts.append(summary.encoded_with_size(now, sizes.get(record.id, (0, 0))))
        return b"[%b]\n" % b",".join(parts)

    def refresh_summaries(self) -> None:
        """Forget what lists were encoded, because names of images changed."""
        self._summaries.clear()

    def inspect_json(
        self,
        record: ContainerRecord,
        *,
        exec_ids: Sequence[str] = (),
        size: tuple[int, int] | None = None,
    ) -> bytes:
        """Return the body of /containers/{id}/json, from the cache where nothing changed."""
        if size is not None:
            return encode_inspection(record, exec_ids=exec_ids, size=size)
        execs = tuple(exec_ids)
        cached = self._inspections.get(record.id)
        if cached is None or cached[0] is not record or cached[1] != execs:
            encoded = encode_inspection(record, exec_ids=execs, size=None)
            cached = self._inspections[record.id] = (record, execs, encoded)
        return cached[2]

    def _order(self) -> list[str]:
        if self._newest_first is None:
            self._newest_first = sorted(
                self._records, key=lambda key: (_sortable(self._records[key]), key), reverse=True
            )
        return self._newest_first


def _sortable(record: ContainerRecord) -> str:
    # Fractions of a second differ in length (trailing zeros are cut), so text order needs padding.
    whole, _, fraction = record.created.removesuffix("Z").partition(".")
    return whole + fraction.ljust(9, "0")
