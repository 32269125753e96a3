"""Files out of and into a container's tree as tar streams: `docker cp` and `docker export`.

The tree is given as the descriptor of its root (from /proc/PID/root of a running container, or
of a mounted root file system); the caller keeps it. Paths are what a client sent: they are
resolved by the kernel below that root, symbolic links included, and can not leave it. FIFOs,
sockets and devices are never opened. Calls block.

See: Engine API /containers/{id}/archive, /containers/{id}/export; openat2(2).
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.api.timestamps import format_rfc3339_nano
from baleen.archive.compression import decompress
from baleen.archive.extract import extract_archive
from baleen.archive.names import NAME_LIMIT
from baleen.archive.pack import pack
from baleen.errors import BaleenError, InvalidArgument, NotFound, PermissionDenied
from baleen.linux.fd import Fd
from baleen.linux.path import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, open_in_root, openat2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Ids = Callable[[int, int], tuple[int, int]]

__all__ = ["PathStat", "export_tree", "extract", "stat_path", "tar_path"]


@dataclass(frozen=True, slots=True)
class PathStat:
    """What the X-Docker-Container-Path-Stat header holds.

    Attributes:
        name: last element of the path that was asked for; "/" for the root.
        size: bytes.
        mode: Go's os.FileMode: permission bits, and type bits from 1 << 31 (directory) down.
        mtime: RFC 3339 with nanoseconds, UTC.
        link_target: for a symbolic link, the path it finally leads to, from the container's root.
    """

    name: str
    size: int
    mode: int
    mtime: str
    link_target: str

    def to_dict(self) -> dict[str, str | int]:
        """Return the JSON object of the header, with its wire names."""
        return {
            "name": self.name,
            "size": self.size,
            "mode": self.mode,
            "mtime": self.mtime,
            "linkTarget": self.link_target,
        }


def stat_path(root: Fd, path: str, *, container: str = "") -> PathStat:
    """Describe the file at `path`; a final symbolic link is described, not followed.

    Raises:
        NotFound: `Could not find the file /x in container NAME`, NAME being `container`.
        InvalidArgument: the path holds a NUL or is too long, or a file is asked for as directory.
    """
    wanted = _Wanted(path)
    with _open(root, wanted, container) as found:
        return _describe(root, wanted, os.fstat(found.fileno()))


def tar_path(
    root: Fd, path: str, *, container: str = "", owners: Ids | None = None
) -> tuple[PathStat, Iterator[bytes]]:
    """Describe `path` and return a tar stream of it, whose entries begin with its base name.

    A path that ends in `/` or `/.` follows a final symbolic link to a directory. Errors of the
    look-up are raised here, before the first byte; a file that changes while it is read is sent
    with its first size, filled with zeros. The iterator must be exhausted or closed: it holds
    descriptors. It stays within `root` even if that is closed meanwhile. `owners` gives the uid and
    gid in the archive for those on disk.

    Raises:
        NotFound: as `stat_path`.
    """
    wanted = _Wanted(path)
    with _open(root, wanted, container) as found:
        info = os.fstat(found.fileno())
        description = _describe(root, wanted, info)
        if stat.S_ISDIR(info.st_mode):
            # The root's own name is empty: its entries are "/", "/bin", ...
            prefix = b"" if wanted.name == "/" else os.fsencode(wanted.name)
            return description, pack(found.dup(), b"", prefix, owners=owners)
    parent, _, name = wanted.clean.rpartition("/")
    directory = open_in_root(root.fileno(), parent or "/", os.O_PATH | os.O_DIRECTORY)
    return description, pack(directory, os.fsencode(name), None, owners=owners)


def export_tree(root: Fd, *, owners: Ids | None = None) -> Iterator[bytes]:
    """Return a tar stream of the whole tree without the root itself; stays on its file system.

    Names have no leading slash, as in `docker export`. The iterator must be exhausted or closed.
    `owners` as for `tar_path`.
    """
    return pack(root.dup(), b"", None, one_file_system=True, owners=owners)


def extract(
    root: Fd,
    path: str,
    chunks: Iterable[bytes],
    *,
    no_overwrite_dir_non_dir: bool = False,
    owner: tuple[int, int] | None = None,
    container: str = "",
    owners: Ids | None = None,
) -> None:
    """Extract a tar stream (plain, gzip, bzip2, xz or zstd) into the directory at `path`.

    Existing files are replaced, directories merged. An error may leave a part of the archive
    extracted.

    Args:
        root: the container's root; stays the caller's.
        path: the directory, all symbolic links followed.
        chunks: the archive's bytes.
        no_overwrite_dir_non_dir: refuse to replace a directory by something else, or the reverse.
        owner: uid and gid for everything extracted (`copyUIDGID`: the container's user), or None
            to keep those of the archive.
        container: name for messages.
        owners: uid and gid on disk for those that an entry would have.

    Raises:
        NotFound: `Could not find the file /x in container NAME`.
        InvalidArgument: `path` is no directory; the archive is malformed (names the entry).
        PermissionDenied: the file system is read-only.
        ResourceExhausted: no space.
    """
    wanted = _Wanted(path)
    try:
        directory = open_in_root(root.fileno(), wanted.clean, os.O_PATH | os.O_DIRECTORY)
    except NotADirectoryError as err:
        raise InvalidArgument("extraction point is not a directory") from err
    except OSError as err:
        raise _failure(err, wanted, container) from err
    with directory:
        extract_archive(
            root,
            wanted.clean,
            directory,
            decompress(chunks),
            no_overwrite_dir_non_dir=no_overwrite_dir_non_dir,
            owner=owner,
            owners=owners,
        )


class _Wanted:
    """A client's path, made absolute and clean by the rules of Go's path/filepath.

    Attributes:
        asked: as given, with a leading slash; for messages.
        clean: absolute, without `.`, `..` and double slashes; resolved only below the root.
        is_directory: the client wrote a trailing slash or `/.`.
        name: the base name, `.` for a path that ends in `/.`, and `/` for the root.
    """

    __slots__ = ("asked", "clean", "is_directory", "name")

    def __init__(self, path: str) -> None:
        if "\0" in path:
            raise InvalidArgument("path holds a NUL character")
        if len(os.fsencode(path)) > NAME_LIMIT:
            raise InvalidArgument(f"path is longer than {NAME_LIMIT} bytes")
        self.asked = path if path.startswith("/") else f"/{path}"
        # Two leading slashes are kept by POSIX' rule, not by Go's.
        self.clean = posixpath.normpath("/" + path.lstrip("/"))
        dotted = path == "." or path.endswith("/.")
        self.is_directory = dotted or path.endswith("/")
        self.name = "." if dotted else posixpath.basename(self.clean) or "/"


def _open(root: Fd, wanted: _Wanted, container: str) -> Fd:
    """Open what is wanted without opening it: O_PATH touches neither FIFO nor device."""
    flags = os.O_PATH | (os.O_DIRECTORY if wanted.is_directory else os.O_NOFOLLOW)
    try:
        return Fd(
            openat2(
                root.fileno(),
                wanted.clean,
                flags,
                resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
            )
        )
    except OSError as err:
        raise _failure(err, wanted, container) from err


def _failure(err: OSError, wanted: _Wanted, container: str) -> BaleenError:
    if err.errno == errno.ENOENT or (err.errno == errno.ENOTDIR and not wanted.is_directory):
        return NotFound(f"Could not find the file {wanted.asked} in container {container}")
    if err.errno == errno.ENOTDIR:
        return InvalidArgument("not a directory")
    if err.errno in (errno.EACCES, errno.EPERM):
        return PermissionDenied(f"cannot open {wanted.asked}: permission denied")
    return InvalidArgument(f"cannot open {wanted.asked}: {os.strerror(err.errno or 0).lower()}")


def _describe(root: Fd, wanted: _Wanted, info: os.stat_result) -> PathStat:
    return PathStat(
        name=wanted.name,
        size=info.st_size,
        mode=_go_mode(info.st_mode),
        mtime=format_rfc3339_nano(info.st_mtime_ns),
        link_target=_evaluate(root, wanted.clean) if stat.S_ISLNK(info.st_mode) else "",
    )


# Go's os.FileMode, from io/fs.
_GO_TYPES = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
_GO_BITS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))


def _go_mode(mode: int) -> int:
    result = mode & 0o777 | _GO_TYPES.get(stat.S_IFMT(mode), 0)
    for bit, go_bit in _GO_BITS:
        if mode & bit:
            result |= go_bit
    return result


_LINKS_LIMIT = 255


def _evaluate(root: Fd, path: str) -> str:
    """Return `path` with every symbolic link resolved, from the root; what is missing stays.

    Only for showing: nothing is opened by the result.
    """
    done: list[str] = []
    pending = path.split("/")[::-1]
    links = 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done = done[:-1]
            continue
        here = "/".join([*done, part])
        try:
            with open_in_root(root.fileno(), here, os.O_PATH | os.O_NOFOLLOW) as found:
                target = os.readlink("", dir_fd=found.fileno())
        except OSError:
            done.append(part)
            continue
        links += 1
        if links > _LINKS_LIMIT:
            return path
        if target.startswith("/"):
            done = []
        pending.extend(target.split("/")[::-1])
    return "/" + "/".join(done)
