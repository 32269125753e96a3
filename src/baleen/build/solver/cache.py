"""Results by key, in the state database; a restart or a crash loses none that was recorded.

A result is recorded when its layers are durable, in one transaction. What is found is used only
if all its layers are here, and is leased in the same step; a record whose layers are gone is a miss
and goes too. Recorded layers are no garbage for the image store (`blobs`, `chain_ids`).

Calls block for some tens of microseconds and may be made from any thread.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from baleen.build.graph import FileOp, GitSource, HttpSource, encode_op
from baleen.build.solver.keys import identity
from baleen.build.solver.records import CacheRecord, Output, decode_record, encode_record
from baleen.build.trees import Tree
from baleen.errors import InvalidArgument, ResourceExhausted
from baleen.oci.image import chain_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from baleen.build.graph import Vertex
    from baleen.build.interfaces import Input
    from baleen.content.store import ContentStore, Lease
    from baleen.oci.digest import Digest
    from baleen.state.database import Database

__all__ = ["BuildCache"]

log = logging.getLogger(__name__)

_RECORDS: Final = "build_cache"
_PARTS: Final = "build_cache_parts"
_LIMIT_PARTS = 20_000
# Uses are written down at most that often: the time of the last use is for pruning alone.
_TOUCH_NS = 60 * 10**9


class BuildCache:
    """The local cache.

    Args:
        clock_ns: nanoseconds since 1970.
    """

    def __init__(
        self, database: Database, content: ContentStore, clock_ns: Callable[[], int]
    ) -> None:
        self._database = database
        self._content = content
        self._clock_ns = clock_ns
        self._lock = threading.RLock()
        self._records: dict[str, CacheRecord] = {}
        self._by_key: dict[str, str] = {}
        self._by_tree: dict[str, str] = {}
        self._in_use: dict[str, int] = {}
        self._written_ns: dict[str, int] = {}

    def start(self) -> None:
        """Read the records; damaged ones are dropped."""
        for key, raw in self._database.all(_RECORDS):
            try:
                record = decode_record(raw)
                if record.id != key:
                    raise InvalidArgument("it has another id")
            except InvalidArgument as err:
                log.warning("build cache record %s is dropped: %s", key, err)
                self._forget(key)
                continue
            self._add(record)

    # -- finding and recording

    def find(self, keys: Iterable[str | None], lease: Lease) -> CacheRecord | None:
        """Return the record under one of the keys, its layers leased, and count the use."""
        for key in keys:
            with self._lock:
                record = self._records.get(self._by_key.get(key or "", ""))
            if record is None:
                continue
            # Without the lock: the content store asks for `blobs` with its own one held.
            if self.lease(record.trees, lease):
                with self._lock:
                    return self._used(record)
            log.info("build cache record %s is dropped: layers are gone", record.id)
            self.remove(record.id)
        return None

    def lease(self, trees: Iterable[Tree], lease: Lease) -> bool:
        """Lease all layers of trees; say whether they are here, of the right size."""
        return all(
            self._content.adopt(layer.digest, lease, size=layer.size)
            for tree in trees
            for layer in tree.layers
        )

    def record(
        self,
        vertex: Vertex,
        inputs: Sequence[Input],
        keys: Iterable[str | None],
        outputs: Sequence[Tree],
        parts: dict[str, str],
        *,
        created_ns: int | None = None,
        imported: bool = False,
    ) -> CacheRecord:
        """Record a result under its keys; what was there under one of them goes.

        The layers have to be durable and leased. On a full disk it is not recorded: the build is
        worth more.
        """
        wanted = [key for key in keys if key is not None]
        now = self._clock_ns()
        trees = [source for source in inputs if isinstance(source, Tree)]
        base = trees[0] if inputs and isinstance(inputs[0], Tree) else Tree()
        with self._lock:
            record = CacheRecord(
                id=hashlib.sha256(wanted[0].encode()).hexdigest()[:25],
                keys=wanted,
                type=_type(vertex),
                description=vertex.name,
                operation=_operation(vertex),
                base=identity(base) if base.layers else "",
                parents=sorted(
                    {
                        self._by_tree[known]
                        for known in map(identity, trees)
                        if known in self._by_tree
                    }
                ),
                outputs=[Output.of(tree) for tree in outputs],
                added=[_added(base, tree) for tree in outputs],
                created_ns=created_ns or now,
                last_used_ns=now,
                imported=imported,
            )
            doomed = {self._by_key[key] for key in wanted if key in self._by_key}
            document = zlib.compress(msgspec.json.encode(dict(_first(parts))), 1)
            try:
                with self._database.transaction():
                    for old in doomed | {record.id}:
                        self.remove(old)
                    self._database.put(_PARTS, record.id, document)
                    self._database.put(_RECORDS, record.id, encode_record(record))
            except ResourceExhausted as err:
                log.warning("a build result is not recorded: %s", err)
            self._add(record)
            return record

    def _add(self, record: CacheRecord) -> None:
        self._records[record.id] = record
        self._written_ns[record.id] = record.last_used_ns
        for key in record.keys:
            self._by_key[key] = record.id
        for tree in record.trees:
            self._by_tree[identity(tree)] = record.id

    def add_key(self, record_id: str, key: str) -> None:
        """Have a record found under one key more, if it is still here and the key is free."""
        with self._lock:
            record = self._records.get(record_id)
            if record is not None and key not in self._by_key:
                changed = msgspec.structs.replace(record, keys=[*record.keys, key])
                self._records[record_id] = changed
                self._by_key[key] = record_id
                self._write(changed)

    def _used(self, record: CacheRecord) -> CacheRecord:
        now = self._clock_ns()
        record = msgspec.structs.replace(record, last_used_ns=now, uses=record.uses + 1)
        if record.id not in self._records:
            return record  # pruned meanwhile: its layers are leased, so it is as good as ever
        self._records[record.id] = record
        if now - self._written_ns.get(record.id, 0) >= _TOUCH_NS:
            self._write(record)
        return record

    def _write(self, record: CacheRecord) -> None:
        try:
            self._database.put(_RECORDS, record.id, encode_record(record))
        except ResourceExhausted as err:
            log.warning("a use of the build cache is not recorded: %s", err)
        self._written_ns[record.id] = record.last_used_ns

    def hold(self, record_id: str) -> None:
        """Count a build that stands on the record: it is in use until `release`."""
        with self._lock:
            self._in_use[record_id] = self._in_use.get(record_id, 0) + 1

    def release(self, record_ids: Iterable[str]) -> None:
        """Undo `hold`."""
        with self._lock:
            for record_id in record_ids:
                left = self._in_use.get(record_id, 1) - 1
                if left:
                    self._in_use[record_id] = left
                else:
                    self._in_use.pop(record_id, None)

    def is_in_use(self, record_id: str) -> bool:
        """Say whether a build under way stands on the record."""
        return record_id in self._in_use

    # -- looking on

    def records(self) -> list[CacheRecord]:
        """Return all records, in no order."""
        with self._lock:
            return list(self._records.values())

    def parts(self, record_id: str) -> dict[str, str]:
        """Return what the record's keys were made of; empty when that is not known."""
        raw = self._database.get(_PARTS, record_id)
        if raw is None:
            return {}
        try:
            return msgspec.json.decode(zlib.decompress(raw), type=dict[str, str])
        except (zlib.error, msgspec.DecodeError):
            return {}

    def near(self, vertex: Vertex, inputs: Sequence[Input]) -> list[CacheRecord]:
        """Return records of like operations, the likest first.

        The same operation counts most, then the same base, then the same place in a build.
        """
        operation = _operation(vertex)
        base = identity(inputs[0]) if inputs and isinstance(inputs[0], Tree) else ""
        kind = _type(vertex)
        step = _step_name(vertex.name)

        def likeness(record: CacheRecord) -> tuple[int, int]:
            points = 4 * (record.operation == operation)
            points += 2 * (bool(base) and record.base == base)
            points += _step_name(record.description) == step
            return points, record.last_used_ns

        with self._lock:
            known = [record for record in self._records.values() if record.type == kind]
        ranked = sorted(known, key=likeness, reverse=True)[:8]
        return [record for record in ranked if likeness(record)[0] > 0]

    def blobs(self) -> Iterator[Digest]:
        """Yield the blobs that are no garbage because of the cache."""
        for record in self.records():
            for output in record.outputs:
                for layer in output.layers:
                    yield layer.digest

    def chain_ids(self) -> Iterator[Digest]:
        """Yield the unpacked layers that are none."""
        for record in self.records():
            for output in record.outputs:
                yield from chain_ids(tuple(output.diff_ids))

    def remove(self, record_id: str) -> None:
        """Remove a record; success means that it is gone. Its layers are garbage then."""
        with self._lock:
            record = self._records.pop(record_id, None)
            if record is not None:
                for key in record.keys:
                    if self._by_key.get(key) == record_id:
                        del self._by_key[key]
                for tree in record.trees:
                    if self._by_tree.get(identity(tree)) == record_id:
                        del self._by_tree[identity(tree)]
                self._written_ns.pop(record_id, None)
            self._forget(record_id)

    def _forget(self, record_id: str) -> None:
        with self._database.transaction():
            self._database.delete(_RECORDS, record_id)
            self._database.delete(_PARTS, record_id)


def _operation(vertex: Vertex) -> str:
    return hashlib.sha256(encode_op(vertex.op)).hexdigest()


def _type(vertex: Vertex) -> str:
    if isinstance(vertex.op, GitSource):
        return "source.git.checkout"
    if isinstance(vertex.op, HttpSource):
        return "source.http"
    if isinstance(vertex.op, FileOp) and vertex.name.startswith("[internal]"):
        return "internal"
    return "regular"


def _step_name(description: str) -> str:
    """Return `[stage 2/5]` of a description."""
    return description.partition("] ")[0] if description.startswith("[") else ""


def _added(base: Tree, tree: Tree) -> int:
    count = len(base.layers)
    return len(tree.layers) - count if tree.layers[:count] == base.layers else len(tree.layers)


def _first(parts: dict[str, str]) -> Iterator[tuple[str, str]]:
    for number, item in enumerate(parts.items()):
        if number >= _LIMIT_PARTS:
            return
        yield item
