"""Applying a layer: an archive of changes becomes the upper directory of an overlay.

The layer is unpacked into its own directory, `root`, while the directories of the layers below it
are only looked at. That gives what unpacking onto the merged tree would give, without mounting it:

- A directory that the archive does not describe but puts files into is made like the one below:
  owner, mode, attributes. A symbolic link below is followed (`bin/x` where `/bin -> usr/bin`).
- A whiteout `.wh.NAME` becomes overlay's own, a character device 0:0; `.wh..wh..opq`
  becomes the attribute trusted.overlay.opaque (in a user namespace, user.overlay.opaque). Both
  cost the same however much they hide.
- In a user namespace no device nodes can be made: those of the archive are left out.
- A hard link to a file below first copies that file up.
- An entry replaces an earlier one of the same name; two directories are merged.

Every step is relative to the descriptor of a directory inside `root`, one component at a time; a
symbolic link is read and walked by us, from that root, and never followed by the kernel.

See: OCI image-spec layer.md, "Applying Changesets"; Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from baleen.archive import files
from baleen.archive.entry import Entry, EntryType
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.names import clean, shown
from baleen.archive.reader import TarReader
from baleen.archive.tree import open_below, open_directory, remove_tree
from baleen.errors import InvalidArgument
from baleen.linux.overlayfs import opaque_attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from baleen.archive.limits import Limits

__all__ = ["apply_layer"]

_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_AUFS_METADATA = b".wh..wh."
_LINKS_LIMIT = 255
_OPEN_DIRECTORIES = 128

Parts = tuple[bytes, ...]


def apply_layer(
    root: int,
    below: Sequence[int],
    chunks: Iterable[bytes],
    limits: Limits = DEFAULT_LIMITS,
) -> int:
    """Unpack the uncompressed archive `chunks` into the empty directory `root`; return its size.

    The size is the sum of the file sizes. `below` are the open directories of the layers below,
    top-most first; all descriptors stay the caller's. `chunks` is read to its end. An error
    leaves a part unpacked.

    Raises:
        InvalidArgument: the archive is malformed or asks for the impossible; names the entry.
        ResourceExhausted: no space, or a limit is crossed.
    """
    with _Layer(root, below) as layer:
        reader = TarReader(chunks, limits)
        size = 0
        for entry in reader:
            parts = clean(entry.name)
            try:
                layer.add(parts, entry, reader.data())
            except OSError as err:
                raise files.failure(err, entry.name, "unpack") from err
            size += entry.size
        reader.drain()
        layer.finish()
    return size


@dataclass(slots=True)
class _Directory:
    """A directory of the layer, with the same directory in the layers below (top-most first)."""

    fd: int
    below: list[int]

    def close(self) -> None:
        for fd in (self.fd, *self.below):
            os.close(fd)


class _Layer:
    """The layer being unpacked, with a small cache of open directories by their real path."""

    def __init__(self, root: int, below: Sequence[int]) -> None:
        with ExitStack() as undo:
            fds = []
            for fd in (root, *below):
                fds.append(os.dup(fd))
                undo.callback(os.close, fds[-1])
            undo.pop_all()
        self._root = _Directory(fds[0], fds[1:])
        self._open: dict[Parts, _Directory] = {}
        self._times: dict[Parts, int] = {}
        # Root directories below, once an opaque root hides them.
        self._hidden: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._forget(())
        self._root.close()
        for fd in self._hidden:
            os.close(fd)

    def add(self, parts: Parts, entry: Entry, data: Iterator[memoryview]) -> None:
        """Make what `entry` says at the place `parts`."""
        self._trim()
        if not parts:
            if entry.type is EntryType.DIRECTORY:
                files.set_directory(self._root.fd, entry)
                self._times[()] = entry.mtime_ns
            elif entry.type is not EntryType.FILE or entry.size:
                raise InvalidArgument(
                    f"archive entry {shown(entry.name)} replaces the root directory"
                )
            return
        if any(part.startswith(_WHITEOUT) for part in parts[:-1]):
            raise InvalidArgument(f"archive entry {shown(entry.name)} is inside of a whiteout")
        path, directory = self._resolve(parts[:-1], entry.name)
        name = parts[-1]
        if name.startswith(_WHITEOUT):
            self._whiteout(path, directory, name, entry)
        elif entry.type is EntryType.DIRECTORY:
            self._make_directory(path, directory, name, entry)
        elif entry.type is EntryType.HARDLINK:
            self._hardlink(path, directory, name, entry)
        else:
            self._clear(path, directory, name)
            if files.can_be_made(entry):
                files.create(directory.fd, name, entry, data)

    def finish(self) -> None:
        """Hide what an opaque root hides, and set the times of the directories."""
        self._hide_below_root()
        for path, mtime_ns in self._times.items():
            # A later entry may have put something else in the directory's place.
            with suppress(FileNotFoundError, NotADirectoryError):
                fd = open_below(self._root.fd, b"/".join(path))
                try:
                    os.utime(fd, ns=(mtime_ns, mtime_ns))
                finally:
                    os.close(fd)

    # -- places

    def _resolve(self, parts: Parts, entry_name: bytes) -> tuple[Parts, _Directory]:
        """Open the directory `parts`, making it if missing; return its path without links too."""
        found = self._open.get(parts)
        if found is not None:
            return parts, found
        path: Parts = ()
        directory = self._root
        pending = list(reversed(parts))
        links = 0
        while pending:
            part = pending.pop()
            if part == b"..":
                path = path[:-1]
                directory = self._reopen(path, entry_name)
                continue
            target = self._step(path, directory, part, entry_name)
            if isinstance(target, _Directory):
                path = (*path, part)
                directory = target
                continue
            links += 1
            if links > _LINKS_LIMIT:
                raise InvalidArgument(
                    f"archive entry {shown(entry_name)} goes through too many symbolic links"
                )
            if target.startswith(b"/"):
                path, directory = (), self._root
            pending.extend(step for step in reversed(target.split(b"/")) if step and step != b".")
        return path, directory

    def _reopen(self, path: Parts, entry_name: bytes) -> _Directory:
        # A real path: no component of it is a link, so this does not recurse further.
        return self._resolve(path, entry_name)[1] if path else self._root

    def _step(
        self, path: Parts, directory: _Directory, part: bytes, entry_name: bytes
    ) -> _Directory | bytes:
        """Return the child directory `part`, or the target of the symbolic link it is."""
        real = (*path, part)
        found = self._open.get(real)
        if found is not None:
            return found
        info = _lstat(directory.fd, part)
        if info is None:
            seen = _look_below(directory, part)
            if isinstance(seen, bytes):
                return seen
            if seen is not None and not stat.S_ISDIR(seen.st_mode):
                raise InvalidArgument(
                    f"archive entry {shown(entry_name)} is inside of something "
                    "that is not a directory"
                )
            os.mkdir(part, 0o755, dir_fd=directory.fd)
            return self._enter(real, directory, part, copy_from_below=True)
        if stat.S_ISLNK(info.st_mode):
            return os.readlink(part, dir_fd=directory.fd)
        if _is_whiteout(info):
            # Removed, and now there is something new in its place.
            os.unlink(part, dir_fd=directory.fd)
            self._make_opaque_directory(directory, part)
        elif not stat.S_ISDIR(info.st_mode):
            raise InvalidArgument(
                f"archive entry {shown(entry_name)} is inside of something that is not a directory"
            )
        return self._enter(real, directory, part)

    def _enter(
        self, real: Parts, directory: _Directory, part: bytes, *, copy_from_below: bool = False
    ) -> _Directory:
        with ExitStack() as undo:
            fd = open_directory(directory.fd, part)
            undo.callback(os.close, fd)
            child = _Directory(fd, [])
            if not _is_opaque(fd):
                for lower in directory.below:
                    info = _lstat(lower, part)
                    if info is None:
                        continue
                    if not stat.S_ISDIR(info.st_mode):
                        break
                    child.below.append(open_directory(lower, part))
                    undo.callback(os.close, child.below[-1])
                    if _is_opaque(child.below[-1]):
                        break
            if copy_from_below:
                if child.below:
                    files.set_directory(fd, _describe_directory(child.below[0]))
                else:
                    os.fchmod(fd, 0o755)
                    # Ours, which is root; a setgid parent would give its group.
                    os.fchown(fd, os.geteuid(), os.getegid())
            undo.pop_all()
        self._open[real] = child
        return child

    def _trim(self) -> None:
        """Keep the number of open directories bounded; only between entries, as they are in use."""
        if len(self._open) < _OPEN_DIRECTORIES:
            return
        for path in list(self._open)[: _OPEN_DIRECTORIES // 2]:
            self._open.pop(path).close()

    def _forget(self, path: Parts) -> None:
        """Close what is open at and below `path`, which is about to go."""
        for known in [known for known in self._open if known[: len(path)] == path]:
            self._open.pop(known).close()

    def _clear(self, path: Parts, directory: _Directory, name: bytes) -> bool:
        """Remove what an earlier entry put at `name`; say whether there was something."""
        info = _lstat(directory.fd, name)
        if info is None:
            return False
        if stat.S_ISDIR(info.st_mode):
            self._forget((*path, name))
            remove_tree(directory.fd, name)
        else:
            os.unlink(name, dir_fd=directory.fd)
        return True

    # -- kinds of entries

    def _make_directory(
        self, path: Parts, directory: _Directory, name: bytes, entry: Entry
    ) -> None:
        info = _lstat(directory.fd, name)
        if info is None:
            os.mkdir(name, 0o700, dir_fd=directory.fd)
        elif not stat.S_ISDIR(info.st_mode):
            # What was here, a file or a whiteout, already hid what is below.
            os.unlink(name, dir_fd=directory.fd)
            self._make_opaque_directory(directory, name)
        real = (*path, name)
        child = self._open.get(real) or self._enter(real, directory, name)
        files.set_directory(child.fd, entry)
        self._times[real] = entry.mtime_ns

    def _make_opaque_directory(self, directory: _Directory, name: bytes) -> None:
        os.mkdir(name, 0o755, dir_fd=directory.fd)
        fd = open_directory(directory.fd, name)
        try:
            os.fchmod(fd, 0o755)
            if directory.below:
                os.setxattr(fd, opaque_attribute(), b"y")
        finally:
            os.close(fd)

    def _whiteout(self, path: Parts, directory: _Directory, name: bytes, entry: Entry) -> None:
        if name == _OPAQUE:
            self._make_opaque(path, directory)
            return
        if name.startswith(_AUFS_METADATA):
            # aufs' own book-keeping (.wh..wh.plnk and its kin) says nothing about files.
            return
        hidden = name[len(_WHITEOUT) :]
        if hidden in (b"", b".", b".."):
            raise InvalidArgument(f"archive entry {shown(entry.name)} is a bad whiteout")
        if not directory.below:
            # Nothing below that could be hidden; what this layer holds is not meant.
            return
        info = _lstat(directory.fd, hidden)
        if info is None:
            if _look_below(directory, hidden) is not None:
                _make_whiteout(directory.fd, hidden)
        elif stat.S_ISDIR(info.st_mode):
            real = (*path, hidden)
            self._make_opaque(real, self._open.get(real) or self._enter(real, directory, hidden))

    def _make_opaque(self, path: Parts, directory: _Directory) -> None:
        if not directory.below:
            return
        if path:
            os.setxattr(directory.fd, opaque_attribute(), b"y")
            for fd in directory.below:
                os.close(fd)
        else:
            # Overlay does not look for the attribute on the root of a layer.
            self._hidden = list(directory.below)
        directory.below.clear()
        _remove_whiteouts(directory.fd)
        # Directories further down were opened when something was below them.
        for known in [k for k in self._open if k[: len(path)] == path and k != path]:
            self._open.pop(known).close()

    def _hide_below_root(self) -> None:
        for lower in self._hidden:
            for name in map(os.fsencode, os.listdir(lower)):
                info = _lstat(self._root.fd, name)
                if info is None:
                    _make_whiteout(self._root.fd, name)
                elif stat.S_ISDIR(info.st_mode):
                    fd = open_directory(self._root.fd, name)
                    try:
                        os.setxattr(fd, opaque_attribute(), b"y")
                    finally:
                        os.close(fd)

    def _hardlink(self, path: Parts, directory: _Directory, name: bytes, entry: Entry) -> None:
        target = clean(entry.linkname) if entry.linkname else ()
        if not target:
            raise InvalidArgument(f"archive entry {shown(entry.name)} has a bad link target")
        target_path, source = self._resolve(target[:-1], entry.name)
        if (target_path, target[-1]) == (path, name):
            raise InvalidArgument(f"archive entry {shown(entry.name)} is a link to itself")
        info = _lstat(source.fd, target[-1])
        if info is None and not self._copy_up(source, target[-1]):
            raise InvalidArgument(
                f"archive entry {shown(entry.name)} is a link to {shown(entry.linkname)}, "
                "which does not exist"
            )
        if info is not None and (stat.S_ISDIR(info.st_mode) or _is_whiteout(info)):
            raise InvalidArgument(
                f"archive entry {shown(entry.name)} is a link to {shown(entry.linkname)}, "
                "which is no file"
            )
        self._clear(path, directory, name)
        os.link(
            target[-1],
            name,
            src_dir_fd=source.fd,
            dst_dir_fd=directory.fd,
            follow_symlinks=False,
        )

    def _copy_up(self, directory: _Directory, name: bytes) -> bool:
        """Copy the file `name` from the layers below into this one; False if there is none."""
        for lower in directory.below:
            info = _lstat(lower, name)
            if info is None:
                continue
            if stat.S_ISDIR(info.st_mode) or _is_whiteout(info):
                return False
            with ExitStack() as stack:
                fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=lower)
                stack.callback(os.close, fd)
                entry = _describe_file(fd, name, info)
                data: Iterator[bytes] = iter(())
                if entry.type is EntryType.FILE:
                    source = stack.enter_context(open(f"/proc/self/fd/{fd}", "rb", buffering=0))
                    data = _pieces(source)
                elif entry.type is EntryType.SYMLINK:
                    entry.linkname = os.readlink(name, dir_fd=lower)
                files.create(directory.fd, name, entry, data)
            return True
        return False


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(1 << 20):
        yield piece


def _lstat(directory: int, name: bytes) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return os.lstat(name, dir_fd=directory)
    return None


def _is_whiteout(info: os.stat_result) -> bool:
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def _is_opaque(fd: int) -> bool:
    with suppress(OSError):
        return os.getxattr(fd, opaque_attribute()) == b"y"
    return False


def _make_whiteout(directory: int, name: bytes) -> None:
    os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=directory)


def _remove_whiteouts(directory: int) -> None:
    """Remove the whiteouts in and below the directory: where nothing is below, they would show.

    Overlay hides them only in directories that it merges.
    """
    pending = [b""]
    while pending:
        path = pending.pop()
        fd = open_below(directory, path)
        try:
            for name in map(os.fsencode, os.listdir(fd)):
                info = os.lstat(name, dir_fd=fd)
                if _is_whiteout(info):
                    os.unlink(name, dir_fd=fd)
                elif stat.S_ISDIR(info.st_mode):
                    pending.append(path + b"/" + name if path else name)
        finally:
            os.close(fd)


def _look_below(directory: _Directory, name: bytes) -> os.stat_result | bytes | None:
    """Return what is seen at `name` in the layers below: the target if it is a symbolic link."""
    for lower in directory.below:
        info = _lstat(lower, name)
        if info is None:
            continue
        if _is_whiteout(info):
            return None
        return os.readlink(name, dir_fd=lower) if stat.S_ISLNK(info.st_mode) else info
    return None


def _describe_directory(fd: int) -> Entry:
    info = os.fstat(fd)
    return Entry(
        name=b"",
        type=EntryType.DIRECTORY,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        xattrs=files.read_xattrs(fd),
    )


def _describe_file(fd: int, name: bytes, info: os.stat_result) -> Entry:
    kinds = {
        stat.S_IFREG: EntryType.FILE,
        stat.S_IFLNK: EntryType.SYMLINK,
        stat.S_IFCHR: EntryType.CHAR,
        stat.S_IFBLK: EntryType.BLOCK,
        stat.S_IFIFO: EntryType.FIFO,
    }
    kind = kinds.get(stat.S_IFMT(info.st_mode))
    if kind is None:
        raise InvalidArgument(f"cannot link to the socket {shown(name)}")
    return Entry(
        name=name,
        type=kind,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        mtime_ns=info.st_mtime_ns,
        major=os.major(info.st_rdev),
        minor=os.minor(info.st_rdev),
        xattrs={} if kind is EntryType.SYMLINK else files.read_xattrs(f"/proc/self/fd/{fd}"),
    )
