"""Reading and writing the small files of a control group, with errors that say what was tried."""

from __future__ import annotations

import errno
import os
import select
from contextlib import suppress

from baleen.linux.cgroup.driver import CgroupError, LimitRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "GroupFiles",
    "check_path",
    "parse_flat",
    "pause",
    "processes",
    "read",
    "read_int",
    "remove_tree",
    "subgroups",
    "write",
]

# What the kernel answers to a value that it does not like, rather than to a broken group.
_REFUSALS = frozenset(
    {
        errno.EINVAL,
        errno.ERANGE,
        errno.EBUSY,
        errno.ENODEV,
        errno.ENXIO,
        errno.EOPNOTSUPP,
        errno.EACCES,
        errno.EPERM,
        errno.ENOSPC,
    }
)


def check_path(path: str) -> str:
    """Returns `path` if it is absolute and plain: no "..", ".", empty or unprintable component.

    Raises CgroupError otherwise.
    """
    parts = path.split("/")
    plain = (
        len(path) < 2048
        and len(parts) > 1
        and parts[0] == ""
        and all(0 < len(part) < 256 and part not in (".", "..") for part in parts[1:])
        and path.isprintable()
    )
    if not plain:
        raise CgroupError("path", f"the cgroup path {path[:256]!r} is not absolute and plain")
    return path


def write(path: str, value: bytes) -> None:
    """Puts `value` into the file in a single call, as the kernel wants it. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value)
    finally:
        os.close(fd)


def read(path: str) -> bytes:
    """Reads the whole file. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, 65536)
        if len(data) < 1024:  # the kernel ends a small file at once
            return data
        parts = [data]
        while data:
            data = os.read(fd, 65536)
            parts.append(data)
        return b"".join(parts)
    finally:
        os.close(fd)


def read_int(path: str, default: int = 0) -> int:
    """Reads one number; `default` for "max" and when the file does not exist."""
    try:
        text = read(path).strip()
    except FileNotFoundError:
        return default
    return int(text) if text.lstrip(b"-").isdigit() else default


def parse_flat(text: bytes) -> dict[str, int]:
    """Parses "name number" lines, the kernel's flat keyed form; other lines are skipped."""
    result = {}
    for line in text.decode("ascii", "replace").splitlines():
        name, _, value = line.partition(" ")
        if value.isdigit():
            result[name] = int(value)
    return result


def pause(seconds: float) -> None:
    """Waits where the kernel offers no event to wait for."""
    select.select((), (), (), seconds)


def subgroups(directory: str) -> list[str]:
    """Paths of the groups directly below; [] if the directory is gone."""
    try:
        # kernfs counts subdirectories in the link count, which spares a listing.
        if os.stat(directory).st_nlink <= 2:
            return []
        with os.scandir(directory) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def processes(directory: str) -> list[int]:
    """Live processes of the group and all below it, without zombies; [] if it is gone."""
    result: list[int] = []
    pending = [directory]
    while pending:
        current = pending.pop()
        try:
            text = read(current + "/cgroup.procs")
        except OSError as error:
            # ENODEV: removed while open; EOPNOTSUPP: a threaded v2 group, its root lists them.
            if error.errno not in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
                raise
            continue
        # 0 is a process outside of our pid namespace: not ours to signal.
        result += [int(pid) for pid in text.split() if pid != b"0"]
        pending += subgroups(current)
    return result


def remove_tree(directory: str) -> None:
    """Removes a group and those below it. Raises OSError (EBUSY while processes are inside)."""
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
    else:
        return
    for below in subgroups(directory):
        remove_tree(below)
    with suppress(FileNotFoundError):
        os.rmdir(directory)


class GroupFiles:
    """The files of one group by controller; on v2 all controllers share one directory."""

    def __init__(self, directories: Mapping[str, str]) -> None:
        self.directories = directories

    def directory(self, controller: str, file: str) -> str:
        """The directory of a controller. Raises LimitRefused, naming `file`, if it is missing."""
        found = self.directories.get(controller)
        if found is None:
            raise LimitRefused(
                file,
                f"cannot set {file}: this host does not offer the {controller} cgroup controller",
                hint="enable it in the kernel or leave the limit out",
            )
        return found

    def set(self, controller: str, file: str, *values: str) -> None:
        """Writes limits, one write for each value; raises LimitRefused or CgroupError."""
        directory = self.directory(controller, file)
        value = ""
        try:
            fd = os.open(f"{directory}/{file}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                for value in values:
                    os.write(fd, value.encode())
            finally:
                os.close(fd)
        except FileNotFoundError as error:
            if os.path.isdir(directory):
                raise LimitRefused(
                    file, f"cannot set {file}: this kernel does not offer it", errno=errno.ENOENT
                ) from error
            raise CgroupError(
                file, f"cannot set {file}: the cgroup {directory} is gone", errno=errno.ENOENT
            ) from error
        except OSError as error:
            kind = LimitRefused if error.errno in _REFUSALS else CgroupError
            shown = value if len(value) <= 80 else value[:77] + "..."
            raise kind(
                file,
                f"cannot set {file} to {shown!r}: {error.strerror}",
                errno=error.errno or 0,
            ) from error

    def offers(self, controller: str, file: str) -> bool:
        """Whether the file exists in this group."""
        directory = self.directories.get(controller)
        return directory is not None and os.path.exists(f"{directory}/{file}")

    def number(self, controller: str, file: str, default: int) -> int:
        """Reads one number of a present controller, else `default`."""
        directory = self.directories.get(controller)
        return default if directory is None else read_int(f"{directory}/{file}", default)

    def text(self, controller: str, file: str) -> str:
        """Reads a file of a present controller; "" if either is missing."""
        directory = self.directories.get(controller)
        if directory is None:
            return ""
        try:
            return read(f"{directory}/{file}").decode("ascii", "replace").strip()
        except FileNotFoundError:
            return ""
