"""A directory tree as a tar stream, read by descriptor.

The order is that of Go's filepath.Walk: a directory, then what is in it, sorted by name. The
stream comes in pieces of some hundred kilobytes, because each may cost its consumer a switch of
threads.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from baleen.archive.compare import DELETED
from baleen.archive.entry import ENTRY_TYPES, Entry, EntryType
from baleen.archive.files import read_xattrs
from baleen.archive.names import OPAQUE_NAME, WHITEOUT_PREFIX
from baleen.archive.tree import open_below
from baleen.archive.whiteouts import is_opaque
from baleen.archive.writer import END, encode_header, padding
from baleen.errors import FailedPrecondition
from baleen.linux.files import filesystem_magic
from baleen.linux.overlayfs import is_whiteout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from baleen.linux.fd import Fd

    Ids = Callable[[int, int], tuple[int, int]]

__all__ = ["pack", "pack_changes", "pack_differences"]

_PIECE = 1 << 20
_GATHER = 256 << 10
_OPEN_PARENTS = 16
_CAPABILITY = "security.capability"
# File systems that the kernel makes up: proc, sysfs, cgroup, cgroup2, devpts, mqueue, securityfs,
# debugfs, tracefs, bpf (linux/magic.h). A copy of `/` shows them as empty directories, as Docker's
# does.
_MADE_UP = frozenset(
    {
        0x9FA0,
        0x62656572,
        0x27E0EB,
        0x63677270,
        0x1CD1,
        0x19800202,
        0x73636673,
        0x64626720,
        0x74726163,
        0xCAFE4A11,
    }
)


def pack(
    top: Fd,
    name: bytes,
    prefix: bytes | None,
    *,
    one_file_system: bool = False,
    owners: Ids | None = None,
) -> Iterator[bytes]:
    """Return a tar stream of the file `name` in the directory `top`, or of `top` if that is empty.

    Takes ownership of `top`; exhausting or closing the iterator closes it. The entries of a
    directory are named `prefix/`, `prefix/...`; with None the top has no entry and the names begin
    below it.

    The content of other file systems is left out with `one_file_system`; that of /proc and its
    kin always, unless one begins there. Sockets have no form in a tar and are left out. `owners`
    gives the uid and gid of an entry for those of the file.
    """
    return _gathered(_Packer(top, prefix, owners, one_file_system=one_file_system), name)


def pack_changes(
    upper: Fd, *, owners: Ids | None = None, on_file: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """Return the upper directory of an overlay as a layer: what it removed as whiteouts.

    `on_file` is called with the size of each regular file; hard links count once.

    As `pack` otherwise; extended attributes of the user's are kept too. The overlay must not have
    been written with redirect_dir or metacopy.

    Raises:
        FailedPrecondition: it was, while the stream is read.
    """
    packer = _ChangesPacker(upper, None, owners, one_file_system=True)
    packer.on_file = on_file
    return _gathered(packer, b"")


def pack_differences(
    tree: Fd, kinds: Mapping[bytes, int], *, owners: Ids | None
) -> Iterator[bytes]:
    """Return what of `tree` is different, by `compare.compare_trees`, as a layer."""
    return _gathered(_DifferencesPacker(tree, kinds, owners), b"")


def _gathered(packer: _Packer, name: bytes) -> Iterator[bytes]:
    pending: list[bytes] = []
    size = 0
    try:
        for piece in packer.pieces(name):
            pending.append(piece)
            size += len(piece)
            if size >= _GATHER:
                yield pending[0] if len(pending) == 1 else b"".join(pending)
                pending, size = [], 0
        pending.append(END)
        yield b"".join(pending)
    finally:
        packer.close()


class _Packer:
    on_file: Callable[[int], None] | None = None

    def __init__(
        self, top: Fd, prefix: bytes | None, owners: Ids | None, *, one_file_system: bool
    ) -> None:
        self._top = top
        self._owners = owners
        self._prefix = prefix
        self._one_file_system = one_file_system
        self._parents: dict[bytes, int] = {}
        self._seen: dict[tuple[int, int], bytes] = {}
        self._top_device = os.fstat(top.fileno()).st_dev

    def close(self) -> None:
        for fd in self._parents.values():
            os.close(fd)
        self._parents.clear()
        self._top.close()

    def pieces(self, name: bytes) -> Iterator[bytes]:
        if not name:
            if self._prefix is not None:
                info = os.fstat(self._top.fileno())
                yield encode_header(self._entry(self._prefix + b"/", EntryType.DIRECTORY, info))
            pending = self._children(b"")
        else:
            pending = [name]
            self._prefix = None
        while pending:
            path = pending.pop()
            # What vanishes while we are on the way is left out.
            with suppress(FileNotFoundError):
                info = self._lstat(path)
                if stat.S_ISDIR(info.st_mode):
                    yield from self._directory(path, info)
                    if not self._is_foreign(path, info):
                        pending += self._children(path)
                else:
                    yield from self._file(path, info)

    def _directory(self, path: bytes, info: os.stat_result) -> Iterator[bytes]:
        yield encode_header(self._entry(self._shown(path), EntryType.DIRECTORY, info))

    def _shown(self, path: bytes) -> bytes:
        return path if self._prefix is None else self._prefix + b"/" + path

    def _parent(self, path: bytes) -> tuple[int, bytes]:
        """Return the open directory that `path` is in, and its name there."""
        head, _, name = path.rpartition(b"/")
        if not head:
            return self._top.fileno(), name
        fd = self._parents.get(head)
        if fd is None:
            if len(self._parents) >= _OPEN_PARENTS:
                oldest = next(iter(self._parents))
                os.close(self._parents.pop(oldest))
            fd = self._parents[head] = open_below(self._top.fileno(), head)
        return fd, name

    def _lstat(self, path: bytes) -> os.stat_result:
        parent, name = self._parent(path)
        return os.lstat(name, dir_fd=parent)

    def _children(self, path: bytes) -> list[bytes]:
        try:
            fd = (
                open_below(self._top.fileno(), path)
                if path
                else os.open(
                    ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._top.fileno()
                )
            )
        except NotADirectoryError:
            return []
        try:
            names = sorted(map(os.fsencode, os.listdir(fd)), reverse=True)
        finally:
            os.close(fd)
        return [path + b"/" + name for name in names] if path else names

    def _is_foreign(self, path: bytes, info: os.stat_result) -> bool:
        """Whether the directory is the root of a mount whose content is left out."""
        if info.st_dev == self._top_device:
            return False
        if self._one_file_system:
            return True
        try:
            fd = open_below(self._top.fileno(), path)
        except OSError:
            return True
        try:
            # A running container's /dev is a tmpfs of ours with device nodes; the image's is empty.
            return filesystem_magic(fd) in _MADE_UP or path == b"dev"
        finally:
            os.close(fd)

    def _file(self, path: bytes, info: os.stat_result) -> Iterator[bytes]:
        kind = ENTRY_TYPES.get(stat.S_IFMT(info.st_mode))
        if kind is None:
            return
        shown = self._shown(path)
        parent, name = self._parent(path)
        if info.st_nlink > 1:
            inode = (info.st_dev, info.st_ino)
            first = self._seen.setdefault(inode, shown)
            if first is not shown:
                link = self._entry(shown, EntryType.HARDLINK, info)
                link.linkname = first
                yield encode_header(link)
                return
        if kind is EntryType.FILE:
            yield from self._regular(parent, name, shown)
            return
        entry = self._entry(shown, kind, info)
        if kind is EntryType.SYMLINK:
            entry.linkname = os.readlink(name, dir_fd=parent)
        yield encode_header(entry)

    def _regular(self, parent: int, name: bytes, shown: bytes) -> Iterator[bytes]:
        # Opened for reading only after it is known, on the held inode, to be a regular file.
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode):
                return
            fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(handle)
        try:
            entry = self._entry(shown, EntryType.FILE, info)
            entry.xattrs = self._xattrs(fd)
            if self.on_file is not None:
                self.on_file(info.st_size)
            yield encode_header(entry)
            left = info.st_size
            while left:
                piece = os.read(fd, min(left, _PIECE))
                if not piece:
                    # It became shorter; the header has promised its size.
                    piece = bytes(min(left, _PIECE))
                left -= len(piece)
                yield piece
            if info.st_size % 512:
                yield padding(info.st_size)
        finally:
            os.close(fd)

    def _xattrs(self, fd: int) -> dict[str, bytes]:
        capability = _capability(fd)
        return {} if capability is None else {_CAPABILITY: capability}

    def _entry(self, name: bytes, kind: EntryType, info: os.stat_result) -> Entry:
        uid, gid = info.st_uid, info.st_gid
        if self._owners is not None:
            uid, gid = self._owners(uid, gid)
        is_device = kind in (EntryType.CHAR, EntryType.BLOCK)
        return Entry(
            name=name,
            type=kind,
            mode=stat.S_IMODE(info.st_mode),
            uid=uid,
            gid=gid,
            size=info.st_size if kind is EntryType.FILE else 0,
            mtime_ns=info.st_mtime_ns,
            major=os.major(info.st_rdev) if is_device else 0,
            minor=os.minor(info.st_rdev) if is_device else 0,
        )


class _ChangesPacker(_Packer):
    def _directory(self, path: bytes, info: os.stat_result) -> Iterator[bytes]:
        entry = self._entry(self._shown(path), EntryType.DIRECTORY, info)
        fd = open_below(self._top.fileno(), path)
        try:
            _refuse_indirect(fd)
            entry.xattrs = self._xattrs(fd)
            hides = is_opaque(fd)
        finally:
            os.close(fd)
        yield encode_header(entry)
        if hides:
            yield self._mark(path + b"/" + OPAQUE_NAME, info)

    def _file(self, path: bytes, info: os.stat_result) -> Iterator[bytes]:
        if is_whiteout(info):
            head, slash, name = path.rpartition(b"/")
            yield self._mark(head + slash + WHITEOUT_PREFIX + name, info)
        else:
            yield from super()._file(path, info)

    def _mark(self, name: bytes, info: os.stat_result) -> bytes:
        mark = self._entry(name, EntryType.FILE, info)
        mark.size, mark.mode, mark.uid, mark.gid = 0, 0o600, 0, 0
        return encode_header(mark)

    def _xattrs(self, fd: int) -> dict[str, bytes]:
        _refuse_indirect(fd)
        found = read_xattrs(fd)
        return {
            key: value
            for key, value in found.items()
            if key == _CAPABILITY or key.startswith("user.")
        }


class _DifferencesPacker(_ChangesPacker):
    def __init__(self, top: Fd, kinds: Mapping[bytes, int], owners: Ids | None) -> None:
        super().__init__(top, None, owners, one_file_system=True)
        self._kinds = kinds
        self._removed: dict[bytes, list[bytes]] = {}
        for path in sorted(path for path, kind in kinds.items() if kind == DELETED):
            head, _, name = path.rpartition(b"/")
            self._removed.setdefault(head, []).append(name)

    def pieces(self, name: bytes) -> Iterator[bytes]:
        yield from self._marks(b"")
        yield from super().pieces(name)

    def _directory(self, path: bytes, info: os.stat_result) -> Iterator[bytes]:
        yield from super()._directory(path, info)
        yield from self._marks(path)

    def _children(self, path: bytes) -> list[bytes]:
        return [child for child in super()._children(path) if child in self._kinds]

    def _marks(self, path: bytes) -> Iterator[bytes]:
        info = os.fstat(self._top.fileno())
        for name in self._removed.get(path, ()):
            yield self._mark((path + b"/" if path else b"") + WHITEOUT_PREFIX + name, info)


def _refuse_indirect(fd: int) -> None:
    """Refuse a file that overlay has not wholly in its upper directory."""
    for kind in ("trusted", "user"):
        for word in ("redirect", "metacopy"):
            try:
                os.getxattr(fd, f"{kind}.overlay.{word}")
            except OSError:
                continue
            raise FailedPrecondition(
                f"the container's file system was mounted with {word}: its changes are no layer",
                hint="turn redirect_dir and metacopy of the kernel's overlay module off",
            )


def _capability(fd: int) -> bytes | None:
    try:
        return os.getxattr(fd, _CAPABILITY)
    except OSError as err:
        if err.errno in (errno.ENODATA, errno.ENOTSUP, errno.EPERM):
            return None
        raise
