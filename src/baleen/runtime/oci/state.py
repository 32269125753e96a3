"""What outlasts a command: one directory for each container below `--root`.

    <root>/<id>/state.json     who and where; replaced as a whole by rename
                config.json    the document as it was at creation; later changes have no effect
                filter.bpf     the compiled seccomp program, if there is one
                start, result  while its PID 1 is parked, see `parking`

A directory appears with a first state.json in it, by one rename that also settles who has the name.
What a state.json says of processes is not believed: a pid counts only with the start time beside
it, and whether it has started, ended or is frozen is asked of the kernel. So after a kill -9 of any
command the state is right, and `delete` can clean up.

See: OCI runtime-spec runtime.md State; proc_pid_stat(5), field 22.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os

from baleen.errors import AlreadyExists, DataLoss, InvalidArgument, NotFound
from baleen.linux.fd import Fd
from baleen.linux.record import asdict, field, record
from baleen.runtime.fields import Fields
from baleen.runtime.oci.parking import is_parked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from baleen.linux.cgroup.driver import Cgroup

__all__ = ["OCI_VERSION", "Entry", "Record", "Store", "check_id", "started_at", "write_whole"]

OCI_VERSION: Final = "1.2.0"
_MAX_STATE: Final = 16 << 20
_MAX_PID: Final = 1 << 30
_ID_CHARACTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-."
)


@record(frozen=True, slots=True)
class Record:
    """state.json.

    Attributes:
        bundle, rootfs: absolute paths.
        created: RFC 3339 time.
        pid, start: PID 1 and its start time in clock ticks; 0 before there is one.
        creator, creator_start: the process that makes it, until that is done; then 0.
        cgroup: the group that is the container's alone, once it is complete; until then it may
            not be there, or be another's.
        uid: the user that made it.
        shares_pids: it has no pid namespace of its own, whose end would be that of all in it.
    """

    id: str
    bundle: str
    rootfs: str
    created: str
    pid: int = 0
    start: int = 0
    creator: int = 0
    creator_start: int = 0
    cgroup: str = ""
    uid: int = 0
    shares_pids: bool = False
    annotations: dict[str, str] = field(default_factory=dict)


def check_id(name: str) -> str:
    """`name` if it is a container's: letters, digits and `_+-.`. Raises InvalidArgument."""
    if not name or name in (".", "..") or len(name) > 255 or not _ID_CHARACTERS.issuperset(name):
        raise InvalidArgument(f"invalid container ID format: {name[:64]!r}")
    return name


def started_at(pid: int) -> int:
    """The start time of the live process `pid` in ticks, which tells it from later ones; else 0.

    A zombie is no live process.
    """
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
    except ProcessLookupError:
        return 0
    finally:
        os.close(fd)
    # The first field after the name is number 3, the state.
    return 0 if fields[0] in (b"Z", b"X") else int(fields[22 - 3])


def write_whole(path: str, data: bytes) -> None:
    """Write a file that others see complete or not at all."""
    temporary = f"{path}.{os.getpid()}~"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        try:
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _MAX_STATE)
    finally:
        os.close(fd)


def _decode(data: bytes) -> Record:
    values = Fields(json.loads(data), "")
    return Record(
        id=values.text("id"),
        bundle=values.text("bundle"),
        rootfs=values.text("rootfs"),
        created=values.text("created"),
        pid=values.integer("pid", 0, high=_MAX_PID),
        start=values.integer("start", 0, high=2**63),
        creator=values.integer("creator", 0, high=_MAX_PID),
        creator_start=values.integer("creator_start", 0, high=2**63),
        cgroup=values.text("cgroup", ""),
        uid=values.integer("uid", 0, high=2**32),
        shares_pids=values.flag("shares_pids"),
        annotations=values.text_map("annotations"),
    )


class Entry:
    """The state directory of one container."""

    __slots__ = ("directory", "id")

    def __init__(self, root: str, name: str) -> None:
        self.id = name
        self.directory = f"{root}/{name}"

    def path(self, name: str) -> str:
        """The path of a file in it."""
        return f"{self.directory}/{name}"

    def read(self) -> Record:
        """Its record. Raises NotFound, or DataLoss if nothing can be read out of it."""
        try:
            return _decode(_read(self.path("state.json")))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound("container does not exist") from error
        except (ValueError, RecursionError) as error:
            raise DataLoss(f"{self.path('state.json')} is not JSON: {error}") from error

    def config(self) -> bytes:
        """The document that it was made of."""
        return _read(self.path("config.json"))

    def filter(self) -> bytes | None:
        """Its compiled seccomp program."""
        try:
            return _read(self.path("filter.bpf"))
        except FileNotFoundError:
            return None

    def write(self, values: Record) -> None:
        """Replace the record."""
        write_whole(self.path("state.json"), json.dumps(asdict(values)).encode())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """While held, no other command changes this container. Raises NotFound."""
        while True:
            with self._open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with self._open() as again:
                    if os.path.samestat(os.fstat(lock.fileno()), os.fstat(again.fileno())):
                        yield
                        return
                # It was removed while we waited, and a new container has its name.

    def _open(self) -> Fd:
        try:
            return Fd(os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound("container does not exist") from error

    def remove(self) -> None:
        """Remove it with all files in it. Success means *is gone*."""
        # Under another name it is no container any more, whenever we are killed.
        root = os.path.dirname(self.directory)
        gone = f"{root}/~{os.getpid()}"
        _remove_tree(gone)
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.directory, gone)
            _remove_tree(gone)
        for name in os.listdir(root):
            pid = name[1:]
            if name.startswith("~") and pid.isdecimal() and not started_at(int(pid)):
                _remove_tree(f"{root}/{name}")  # of a command that was killed

    def status(self, values: Record, group: Cgroup | None) -> str:
        """creating, created, running, paused or stopped, as the kernel has it.

        `group` is the container's cgroup, or None to leave "paused" out.
        """
        if values.creator and started_at(values.creator) == values.creator_start:
            return "creating"
        if not values.pid or started_at(values.pid) != values.start or values.creator:
            return "stopped"
        if group is not None and group.is_frozen():
            return "paused"
        return "created" if is_parked(self.directory) else "running"


class Store:
    """All containers below one root."""

    __slots__ = ("root",)

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)

    def claim(self, values: Record, config: bytes, program: bytes | None) -> Entry:
        """Make the directory of a new container. Raises AlreadyExists."""
        os.makedirs(self.root, 0o700, exist_ok=True)
        entry = Entry(self.root, values.id)
        fresh = Entry(self.root, f"~{os.getpid()}")
        _remove_tree(fresh.directory)  # of a killed process that had our number
        os.mkdir(fresh.directory, 0o700)
        try:
            write_whole(fresh.path("config.json"), config)
            if program is not None:
                write_whole(fresh.path("filter.bpf"), program)
            fresh.write(values)
            os.rename(fresh.directory, entry.directory)
        except OSError as error:
            _remove_tree(fresh.directory)
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise AlreadyExists("container with given ID already exists") from error
            raise
        return entry

    def open(self, name: str) -> Entry:
        """The entry of a container; whether it exists shows when it is read."""
        return Entry(self.root, check_id(name))

    def entries(self) -> list[Entry]:
        """All of them by name."""
        try:
            names = sorted(os.listdir(self.root))
        except FileNotFoundError:
            return []
        return [Entry(self.root, name) for name in names if not name.startswith("~")]


def _remove_tree(directory: str) -> None:
    """Remove a directory that has only files in it."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(directory):
            os.unlink(f"{directory}/{name}")
        os.rmdir(directory)
