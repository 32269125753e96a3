"""openat2(2): opening a path without leaving a directory, and walks that create what is missing.

Paths here come from images, requests and containers. They are never joined, normalised and opened
again: a path is resolved by the kernel under a held directory descriptor, and what was found is
used through the descriptor that was returned.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat

from baleen.linux.calls import failure, syscall
from baleen.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "RESOLVE_BENEATH",
    "RESOLVE_IN_ROOT",
    "RESOLVE_NO_MAGICLINKS",
    "RESOLVE_NO_SYMLINKS",
    "RESOLVE_NO_XDEV",
    "getcwd",
    "make_directory",
    "make_file",
    "open_in_root",
    "openat2",
]

RESOLVE_NO_XDEV: Final = 0x01
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RESOLVE_IN_ROOT: Final = 0x10

_O_PATH_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY
_MAX_RETRIES: Final = 128
_PATH_MAX: Final = 4096


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_openat2 = syscall(
    "openat2", ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_OpenHow), ctypes.c_size_t
)
_getcwd = syscall("getcwd", ctypes.c_char_p, ctypes.c_size_t)
_HOW_SIZE: Final = ctypes.sizeof(_OpenHow)


def openat2(directory: int, path: str, flags: int, *, mode: int = 0, resolve: int = 0) -> int:
    """Open `path` below `directory`; the caller owns the descriptor, which is close-on-exec.

    EAGAIN (a rename raced with a RESOLVE_IN_ROOT or RESOLVE_BENEATH walk) is retried a bounded
    number of times. See: openat2(2), Linux 5.6.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    name = os.fsencode(path)
    for _ in range(_MAX_RETRIES):
        fd = _openat2(directory, name, how, _HOW_SIZE)
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise failure("openat2", path)


def getcwd() -> bytes:
    """The kernel's own answer, which begins with "(unreachable)" outside of our root.

    The C library hides that and walks up the tree instead. See: getcwd(2).
    """
    buffer = ctypes.create_string_buffer(_PATH_MAX)
    if _getcwd(buffer, len(buffer)) < 0:
        raise failure("getcwd")
    return buffer.value


def open_in_root(root: int, path: str, flags: int = os.O_PATH, *, resolve: int = 0) -> Fd:
    """Open `path` as a process chrooted to `root` would, refusing magic links of /proc."""
    return Fd(openat2(root, path, flags, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part and part != "."]


def make_directory(
    root: int, path: str, mode: int = 0o755, *, owner: tuple[int, int] | None = None
) -> Fd:
    """Open the directory `path` inside `root`, creating what is missing of it.

    Existing symbolic links are followed inside the root; `..` in a part that does not exist and
    dangling links are refused. Each directory is created in a descriptor that was resolved below
    `root`, so a racing rename cannot move the creation elsewhere. What is made belongs to `owner`
    (uid, gid). Returns an O_PATH descriptor.
    """
    try:
        return open_in_root(root, path, _O_PATH_DIRECTORY)
    except FileNotFoundError:
        pass
    parts = _parts(path)
    for existing in range(len(parts) - 1, -1, -1):
        try:
            current = open_in_root(root, "/".join(parts[:existing]) or ".", _O_PATH_DIRECTORY)
        except FileNotFoundError:
            continue
        break
    for part in parts[existing:]:
        if part == "..":
            current.close()
            raise failure("mkdirat", path, errno.ENOENT)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, mode, dir_fd=current.fileno())
                if owner is not None:
                    os.chown(part, *owner, dir_fd=current.fileno(), follow_symlinks=False)
            child = openat2(
                current.fileno(),
                part,
                _O_PATH_DIRECTORY | os.O_NOFOLLOW,
                resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
            )
        except OSError as error:
            error.filename = path
            raise
        finally:
            current.close()
        current = Fd(child)
    return current


def make_file(root: int, path: str, mode: int = 0o644) -> Fd:
    """Open the non-directory `path` inside `root` (O_PATH), creating an empty file if missing."""
    try:
        found = open_in_root(root, path)
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISDIR(os.fstat(found.fileno()).st_mode):
            found.close()
            raise failure("openat2", path, errno.EISDIR)
        return found
    head, _, name = path.rstrip("/").rpartition("/")
    with make_directory(root, head or ".") as parent:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_NONBLOCK
        with contextlib.suppress(FileExistsError):
            os.close(os.open(name, flags, mode, dir_fd=parent.fileno()))
        return Fd(
            openat2(
                parent.fileno(),
                name,
                os.O_PATH | os.O_NOFOLLOW,
                resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
            )
        )
