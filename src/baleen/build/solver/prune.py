"""Which records of the cache go: by filters, by age, by size.

See: Engine API, POST /build/prune; dockerd's `builder.gc` settings; BuildKit, cache/manager.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.api.timestamps import parse_duration
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from baleen.build.solver.cache import BuildCache
    from baleen.build.solver.records import CacheRecord
    from baleen.oci.digest import Digest

__all__ = ["PrunePolicy", "Pruned", "default_policies", "parse_filters", "prune", "select"]

_FILTERS = frozenset(
    {
        "id",
        "until",
        "unused-for",
        "type",
        "description",
        "inuse",
        "private",
        "shared",
        "parents",
        "mutable",
        "immutable",
    }
)
_OLD_NS = 60 * 24 * 3600 * 10**9
_INTERNAL = frozenset({"internal", "frontend"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePolicy:
    """What to remove.

    Attributes:
        all: also what images share, and what is internal.
        unused_ns: only what was not used for so long; 0: all.
        filters: as `parse_filters` gives them; all have to hold.
        max_used_bytes: remove until the cache takes no more; 0: no such limit.
        reserved_bytes: stop when the cache takes no more than that.
        min_free_bytes: remove until the disk has so much room; 0: no such limit.
    """

    all: bool = False
    unused_ns: int = 0
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    max_used_bytes: int = 0
    reserved_bytes: int = 0
    min_free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went: ids of records, and the bytes of blobs that nothing else holds."""

    ids: tuple[str, ...]
    bytes: int


def default_policies(disk_bytes: int) -> tuple[PrunePolicy, ...]:
    """Return what goes by itself, in this order, unless the settings say otherwise.

    As BuildKit's: a tenth of the disk is kept in any case, six tenths are never exceeded, and two
    tenths of the disk are to stay free.
    """
    reserved, most, free = disk_bytes // 10, disk_bytes * 6 // 10, disk_bytes // 5
    rules = [
        PrunePolicy(
            all=everything, reserved_bytes=reserved, max_used_bytes=most, min_free_bytes=free
        )
        for everything in (False, True)
    ]
    return (PrunePolicy(unused_ns=_OLD_NS, reserved_bytes=reserved), *rules)


def parse_filters(filters: Mapping[str, Collection[str]]) -> tuple[dict[str, frozenset[str]], int]:
    """Return the filters without the time, and the time in nanoseconds.

    Raises:
        InvalidArgument: an unknown filter, or two values where one can hold.
    """
    known: dict[str, frozenset[str]] = {}
    unused_ns = 0
    for key, values in filters.items():
        if key not in _FILTERS:
            raise InvalidArgument(f"invalid filter '{key}'")
        if key in {"until", "unused-for"}:
            if len(values) != 1:
                raise InvalidArgument(f'filter "{key}" expects exactly one value')
            unused_ns = parse_duration(next(iter(values)))
        else:
            known[key] = frozenset(values)
    return known, unused_ns


def select(
    records: Sequence[CacheRecord],
    policy: PrunePolicy,
    *,
    now_ns: int,
    in_use: Callable[[str], bool],
    is_shared: Callable[[Digest], bool],
    free_bytes: int = 0,
) -> list[CacheRecord]:
    """Return what goes under `policy`, the longest unused first; nothing that is in use."""
    used = total_bytes(records)
    to_free = _to_free(policy, used, free_bytes)
    doomed: list[CacheRecord] = []
    for record in sorted(records, key=lambda found: (found.last_used_ns, found.created_ns)):
        if to_free is not None and to_free <= 0:
            break
        shared = _shared(record, is_shared)
        if in_use(record.id) or now_ns - record.last_used_ns < policy.unused_ns:
            continue
        if not policy.all and (shared or record.type in _INTERNAL):
            continue
        if not _matches(record, policy.filters, shared=shared):
            continue
        doomed.append(record)
        if to_free is not None:
            to_free -= 0 if shared else record.size_bytes
    return doomed


def _to_free(policy: PrunePolicy, used: int, free_bytes: int) -> int | None:
    """Return how many bytes have to go, or None for all that may."""
    if not (policy.max_used_bytes or policy.reserved_bytes or policy.min_free_bytes):
        return None
    wanted = 0
    if policy.max_used_bytes:
        wanted = used - policy.max_used_bytes
    if policy.min_free_bytes:
        wanted = max(wanted, policy.min_free_bytes - free_bytes)
    if not policy.max_used_bytes and not policy.min_free_bytes:
        wanted = used
    return min(wanted, used - policy.reserved_bytes)


def prune(
    cache: BuildCache,
    policy: PrunePolicy,
    *,
    now_ns: int,
    is_shared: Callable[[Digest], bool],
    free_bytes: int = 0,
) -> Pruned:
    """Remove records; the images' garbage collector then takes what they alone have held."""
    records = cache.records()
    doomed = select(
        records,
        policy,
        now_ns=now_ns,
        in_use=cache.is_in_use,
        is_shared=is_shared,
        free_bytes=free_bytes,
    )
    for record in doomed:
        cache.remove(record.id)
    held = set(cache.blobs())
    sizes: dict[Digest, int] = {}
    for record in doomed:
        sizes.update(record.own_layers)
    freed = sum(
        size for digest, size in sizes.items() if digest not in held and not is_shared(digest)
    )
    return Pruned(tuple(record.id for record in doomed), freed)


def total_bytes(records: Sequence[CacheRecord]) -> int:
    """Return what the own blobs of records take, each counted once."""
    sizes: dict[Digest, int] = {}
    for record in records:
        sizes.update(record.own_layers)
    return sum(sizes.values())


def _shared(record: CacheRecord, is_shared: Callable[[Digest], bool]) -> bool:
    own = record.own_layers
    return bool(own) and all(is_shared(digest) for digest in own)


def _matches(record: CacheRecord, filters: Mapping[str, frozenset[str]], *, shared: bool) -> bool:
    facts: dict[str, Callable[[str], bool]] = {
        "id": lambda value: record.id.startswith(value),
        "type": lambda value: record.type == value,
        "description": lambda value: re.search(re.escape(value), record.description) is not None,
        "parents": lambda value: value in record.parents,
        "shared": lambda value: _truth(value) == shared,
        "private": lambda value: _truth(value) != shared,
        "inuse": lambda value: not _truth(value),
        "mutable": lambda value: not _truth(value),
        "immutable": lambda value: _truth(value),
    }
    return all(any(facts[key](value) for value in values) for key, values in filters.items())


def _truth(value: str) -> bool:
    return value.lower() in {"", "1", "t", "true"}
