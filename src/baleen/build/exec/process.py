"""The contract of who runs a step's process: the engine, by the means that containers are run with.

See: `baleen.engine.build_exec`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from baleen.build.graph import ExecDevice
    from baleen.build.session import Limits
    from baleen.build.tree_store import Remapped
    from baleen.linux.fd import Fd
    from baleen.snapshots.snapshotter import Mounts

    Output = Callable[[int, bytes], None]

__all__ = ["BoundMount", "Command", "Devices", "Ending", "Processes", "TmpfsMount"]


@dataclass(frozen=True, slots=True)
class BoundMount:
    """A file or directory of this host, shown in the root.

    Attributes:
        target: absolute, in the root.
        source: absolute, on this host; nobody can change what it leads to.
        read_only: no writes.
    """

    target: str
    source: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    """An empty file system in memory.

    Attributes:
        target: absolute, in the root.
        size_bytes: 0: half of the machine's memory, as the kernel has it.
        read_only: no writes.
    """

    target: str
    size_bytes: int = 0
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Devices:
    """Devices of the host that were found for a process.

    Attributes:
        edits: what they add to it, in the words of who runs it.
        targets: where they have something mounted, and whether it is a directory.
    """

    edits: object = None
    targets: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process and all it is to see.

    Attributes:
        args: what is executed.
        env: `NAME=value`, over the defaults of containers.
        cwd: absolute; made if missing.
        user: `user[:group]`, looked up in `view`.
        stdin: what it reads; empty: /dev/null.
        hostname: "" for that of all builds.
        extra_hosts: `name:address`.
        network: as `docker run --network`; "" is the default one.
        insecure: with all rights (`RUN --security=insecure`).
        limits: of this process and its children.
        root: how its root is mounted.
        read_only: of the root.
        view: the root directory, for looking at; stays the caller's.
        mounts: what is mounted in it.
        devices: of the host.
    """

    args: Sequence[str]
    env: Sequence[str]
    cwd: str
    user: str
    stdin: bytes
    hostname: str
    extra_hosts: Sequence[str]
    network: str
    insecure: bool
    limits: Limits
    root: Mounts
    read_only: bool
    view: Fd
    mounts: Sequence[BoundMount | TmpfsMount]
    devices: Devices = Devices()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended."""

    exit_code: int
    oom_killed: bool


class Processes(Protocol):
    """Runs processes for builds.

    Attributes:
        remapped: ids of processes, where they are others than those of images.
    """

    @property
    def remapped(self) -> Remapped | None: ...  # noqa: D102

    async def devices(self, wanted: Sequence[ExecDevice], *, allowed: bool) -> Devices:
        """Find devices; with `allowed` not only those that any build may have.

        Raises:
            InvalidArgument: a required one is not there.
            PermissionDenied: one that this build may not have.
        """
        ...

    async def run(self, run_id: str, directory: Path, command: Command, output: Output) -> Ending:
        """Run the command to its end; `output` is called with each piece (1 stdout, 2 stderr).

        `directory` is the run's own; nothing of ours is left in it, and no process, network or
        control group, even when this is cancelled: then all is killed at once.

        Raises:
            StartFailed: it cannot be executed.
            InvalidArgument: no such user, or a limit that this host cannot set.
        """
        ...

    def end(self, run_id: str, directory: Path) -> None:
        """End what a daemon that died has left of a run. Blocks, for 5 s at most."""
        ...
