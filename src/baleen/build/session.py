"""What one build brings along for its operations: directories, secrets, limits, rights.

Nothing of it is part of an operation's definition; a shared operation runs with the session of
the build that came first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from baleen.build.files.tree import FileTree
    from baleen.content.store import Lease

__all__ = ["Limits", "LocalDirectory", "Secret", "Session"]


@dataclass(frozen=True, slots=True)
class LocalDirectory:
    """A directory on this host that stands where a tree does: a build context.

    It stays as it is while the build runs. What `.dockerignore` leaves out is not in it.

    Attributes:
        path: absolute.
        exclude: patterns that are left out all the same.
        source: what is in it, where it is not unpacked (`contexts.store.materialized` does that).
    """

    path: Path
    exclude: tuple[str, ...] = ()
    source: FileTree | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret's bytes; never printed, logged, hashed or stored."""

    data: bytes

    def __repr__(self) -> str:
        return "Secret(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the processes of RUN may take; 0 and "" are no limit.

    Attributes:
        memory_swap_bytes: memory and swap together; -1: swap without limit.
        ulimits: (name, soft, hard).
        shm_size_bytes: of /dev/shm; 0: the default.
        cgroup_parent: as in `docker run`.
    """

    memory_bytes: int = 0
    memory_swap_bytes: int = 0
    cpu_shares: int = 0
    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    ulimits: tuple[tuple[str, int, int], ...] = ()
    shm_size_bytes: int = 0
    cgroup_parent: str = ""


@dataclass(slots=True, kw_only=True)
class Session:
    """One build's belongings.

    Attributes:
        id: names the build.
        lease: keeps the blobs that the build has made from the garbage collector.
        locals: directories by the name that `LocalSource` gives.
        secrets: by id.
        ssh: sockets of agents by id (`default`).
        limits: of RUN's processes.
        network_mode: RUN's network, as `BuildOptions.network`.
        extra_hosts: `name:address`.
        entitlements: some of `entitlements.ENTITLEMENTS`.
        auth: credentials by registry, as X-Registry-Config gives them.
        epoch_ns: SOURCE_DATE_EPOCH in nanoseconds: the time of all that is made; None: now.
        pull: look for newer base images.
        extra: what owners of executors keep here for the length of a build, by their own keys.
    """

    id: str
    lease: Lease
    locals: dict[str, LocalDirectory] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    ssh: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    network_mode: str = ""
    extra_hosts: tuple[str, ...] = ()
    entitlements: frozenset[str] = frozenset()
    auth: dict[str, Any] = field(default_factory=dict)
    epoch_ns: int | None = None
    pull: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
