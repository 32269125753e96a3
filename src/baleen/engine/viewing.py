"""Looking at containers: list, inspect, logs.

See: Engine API, /containers/json, /containers/{id}/json, /containers/{id}/logs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from baleen import errors
from baleen.containers.logs import read_logs
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence

    from baleen.containers import ContainerStore, ExecStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.live import LiveContainers
    from baleen.engine.tasks import Tasks
    from baleen.snapshots import Snapshotter

__all__ = ["Viewing", "container_sizes"]


def container_sizes(snapshots: Snapshotter, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the bytes of each writable layer, and of it together with the image's layers.

    Containers that are removed meanwhile are left out. Reads directories: blocking.
    """
    layers = {str(layer.path): layer.size_bytes for layer in snapshots.layers()}
    sizes = {}
    for container_id in ids:
        with suppress(errors.NotFound):
            writable = snapshots.usage(container_id).size_bytes
            lower = snapshots.mounts(container_id).lower
            sizes[container_id] = (
                writable, writable + sum(layers.get(path, 0) for path in lower)
            )  # fmt: skip
    return sizes


class Viewing:
    """Answers about containers from memory; only sizes and logs touch the disk."""

    def __init__(
        self,
        store: ContainerStore,
        execs: ExecStore,
        lives: LiveContainers,
        snapshots: Snapshotter,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._execs = execs
        self._lives = lives
        self._snapshots = snapshots
        self._tasks = tasks

    def list_all(
        self,
        *,
        all: bool,  # noqa: A002  # the API's name
        limit: int,
        size: bool,
        filters: Mapping[str, Sequence[str]],
    ) -> bytes | Awaitable[bytes]:
        """Return the body of /containers/json: at once, unless sizes have to be measured.

        Raises:
            InvalidArgument: an unknown filter or a malformed value.
        """
        if size:
            return self._list_with_sizes(all=all, limit=limit, filters=filters)
        return self._store.list_json(all=all, limit=limit, filters=filters)

    async def _list_with_sizes(
        self,
        *,
        all: bool,  # noqa: A002  # the API's name
        limit: int,
        filters: Mapping[str, Sequence[str]],
    ) -> bytes:
        ids = [record.id for record in self._store]
        sizes = await self._tasks.blocking(container_sizes, self._snapshots, ids)
        return self._store.list_json(all=all, limit=limit, filters=filters, sizes=sizes)

    def inspect(self, ref: str, *, size: bool) -> bytes | Awaitable[bytes]:
        """Return the body of /containers/{id}/json: at once, unless sizes have to be measured.

        Raises:
            NotFound: no such container.
        """
        record = self._store.get(ref)
        if size:
            return self._inspect_with_size(record)
        return self._store.inspect_json(record, exec_ids=self._execs.running_ids(record.id))

    async def _inspect_with_size(self, record: ContainerRecord) -> bytes:
        sizes = await self._tasks.blocking(container_sizes, self._snapshots, [record.id])
        return self._store.inspect_json(
            record,
            exec_ids=self._execs.running_ids(record.id),
            size=sizes.get(record.id, (0, 0)),
        )

    async def logs(
        self,
        ref: str,
        *,
        stdout: bool,
        stderr: bool,
        follow: bool,
        since: str,
        until: str,
        timestamps: bool,
        tail: str,
        details: bool,
    ) -> tuple[bool, AsyncIterator[bytes]]:
        """Return whether the container has a terminal, and its log, framed unless it has.

        Following ends when the container stops.

        Raises:
            NotFound: no such container.
            InvalidArgument: neither stream was asked for, a malformed time.
            NotImplemented: its log driver keeps nothing to read.
        """
        record = self._store.get(ref)
        if not stdout and not stderr:
            raise InvalidArgument("Bad parameters: you must choose at least one stream")
        if not record.log_path:
            raise errors.NotImplemented("configured logging driver does not support reading")
        stopped: asyncio.Future[object] | None = None
        if follow and record.status.is_active:
            future = self._lives[record.id].when_not_running()
            stopped = cast("asyncio.Future[object]", future)
        chunks = read_logs(
            Path(record.log_path),
            stdout=stdout,
            stderr=stderr,
            since=since,
            until=until,
            tail=tail,
            timestamps=timestamps,
            details=details,
            framed=not record.config.tty,
            follow=stopped is not None,
            stopped=stopped,
        )
        return record.config.tty, chunks
