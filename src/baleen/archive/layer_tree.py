"""A layer while it is unpacked: an archive of changes becomes the upper directory of an overlay.

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
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from baleen.archive import files
from baleen.archive.below import describe_directory, describe_file, look_below, lstat
from baleen.archive.entry import Entry, EntryType
from baleen.archive.names import AUFS_PREFIX, OPAQUE_NAME, WHITEOUT_PREFIX, clean, shown
from baleen.archive.tree import open_below, open_directory, remove_tree
from baleen.archive.whiteouts import is_opaque, make_opaque, make_whiteout, remove_whiteouts
from baleen.errors import InvalidArgument
from baleen.linux.overlayfs import is_whiteout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Directory", "LayerTree", "Parts"]

_LINKS_LIMIT = 255
_OPEN_DIRECTORIES = 128

Parts = tuple[bytes, ...]


@dataclass(slots=True)
class Directory:
    """A directory of the layer, with the same directory in the layers below (top-most first).

    `unknown`: the layers below are not known, so there may be anything.
    """

    fd: int
    below: list[int]
    unknown: bool = False

    @property
    def merges(self) -> bool:
        """Whether something below it may be seen in it."""
        return self.unknown or bool(self.below)

    def close(self) -> None:
        """Close its descriptors."""
        for fd in (self.fd, *self.below):
            os.close(fd)


class LayerTree:
    """The layer being unpacked, with a small cache of open directories by their real path.

    `below` are the open directories of the layers below, top-most first; all descriptors stay the
    caller's. `alone` and `merge` change what happens where the layers below matter.
    """

    def __init__(self, root: int, below: Sequence[int], *, unknown: bool = False) -> None:
        with ExitStack() as undo:
            fds = []
            for fd in (root, *below):
                fds.append(os.dup(fd))
                undo.callback(os.close, fds[-1])
            undo.pop_all()
        self._root = Directory(fds[0], fds[1:], unknown)
        self._open: dict[Parts, Directory] = {}
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
                self._described(())
            elif entry.type is not EntryType.FILE or entry.size:
                raise InvalidArgument(
                    f"archive entry {shown(entry.name)} replaces the root directory"
                )
            return
        if any(part.startswith(WHITEOUT_PREFIX) for part in parts[:-1]):
            raise InvalidArgument(f"archive entry {shown(entry.name)} is inside of a whiteout")
        path, directory = self._resolve(parts[:-1], entry.name)
        name = parts[-1]
        if name.startswith(WHITEOUT_PREFIX):
            self._whiteout(path, directory, name, entry)
        else:
            self._place(path, directory, name, entry, data)

    def _place(
        self,
        path: Parts,
        directory: Directory,
        name: bytes,
        entry: Entry,
        data: Iterator[memoryview],
    ) -> None:
        if entry.type is EntryType.DIRECTORY:
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
            try:
                fd = open_below(self._root.fd, b"/".join(path))
            except OSError:
                # A later entry has put something else in its place, or in that of one above it.
                continue
            try:
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            finally:
                os.close(fd)

    # -- places

    def open(self, path: Parts) -> Directory:
        """Return the directory of the layer at `path`, made if missing; valid until the next call.

        Raises:
            InvalidArgument: there is something else.
        """
        self._trim()
        return self._resolve(path, b"/".join(path))[1] if path else self._root

    def _resolve(self, parts: Parts, entry_name: bytes) -> tuple[Parts, Directory]:
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
            if isinstance(target, Directory):
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

    def _reopen(self, path: Parts, entry_name: bytes) -> Directory:
        # A real path: no component of it is a link, so this does not recurse further.
        return self._resolve(path, entry_name)[1] if path else self._root

    def _step(
        self, path: Parts, directory: Directory, part: bytes, entry_name: bytes
    ) -> Directory | bytes:
        """Return the child directory `part`, or the target of the symbolic link it is."""
        real = (*path, part)
        found = self._open.get(real)
        if found is not None:
            return found
        info = lstat(directory.fd, part)
        if info is None:
            target = self._passed_through(real, directory, entry_name)
            if target is not None:
                return target
            os.mkdir(part, 0o755, dir_fd=directory.fd)
            return self._enter(real, directory, part, copy_from_below=True)
        if stat.S_ISLNK(info.st_mode):
            return os.readlink(part, dir_fd=directory.fd)
        if is_whiteout(info):
            # Removed, and now there is something new in its place.
            os.unlink(part, dir_fd=directory.fd)
            self._make_opaque_directory(directory, part)
        elif not stat.S_ISDIR(info.st_mode):
            raise InvalidArgument(
                f"archive entry {shown(entry_name)} is inside of something that is not a directory"
            )
        return self._enter(real, directory, part)

    def _passed_through(self, real: Parts, directory: Directory, entry_name: bytes) -> bytes | None:
        """Look for what the layer has not itself: the target of a link, or None for a directory."""
        seen = look_below(directory.below, real[-1])
        if isinstance(seen, bytes):
            return seen
        if seen is not None and not stat.S_ISDIR(seen.st_mode):
            raise InvalidArgument(
                f"archive entry {shown(entry_name)} is inside of something that is not a directory"
            )
        return None

    def _described(self, path: Parts) -> None:
        """Note that the archive itself says what the directory is like."""

    def _enter(
        self, real: Parts, directory: Directory, part: bytes, *, copy_from_below: bool = False
    ) -> Directory:
        with ExitStack() as undo:
            fd = open_directory(directory.fd, part)
            undo.callback(os.close, fd)
            child = Directory(fd, [])
            if directory.merges and not is_opaque(fd):
                child.unknown = directory.unknown
                for lower in directory.below:
                    info = lstat(lower, part)
                    if info is None:
                        continue
                    if not stat.S_ISDIR(info.st_mode):
                        break
                    child.below.append(open_directory(lower, part))
                    undo.callback(os.close, child.below[-1])
                    if is_opaque(child.below[-1]):
                        break
            if copy_from_below:
                if child.below:
                    files.set_directory(fd, describe_directory(child.below[0]))
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

    def _clear(self, path: Parts, directory: Directory, name: bytes) -> bool:
        """Remove what an earlier entry put at `name`; say whether there was something."""
        info = lstat(directory.fd, name)
        if info is None:
            return False
        if stat.S_ISDIR(info.st_mode):
            self._forget((*path, name))
            remove_tree(directory.fd, name)
        else:
            os.unlink(name, dir_fd=directory.fd)
        return True

    # -- kinds of entries

    def _make_directory(self, path: Parts, directory: Directory, name: bytes, entry: Entry) -> None:
        info = lstat(directory.fd, name)
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
        self._described(real)

    def _make_opaque_directory(self, directory: Directory, name: bytes) -> None:
        os.mkdir(name, 0o755, dir_fd=directory.fd)
        fd = open_directory(directory.fd, name)
        try:
            os.fchmod(fd, 0o755)
            if directory.merges:
                make_opaque(fd)
        finally:
            os.close(fd)

    def _whiteout(self, path: Parts, directory: Directory, name: bytes, entry: Entry) -> None:
        if name == OPAQUE_NAME:
            self._make_opaque(path, directory)
            return
        if name.startswith(AUFS_PREFIX):
            # aufs' own book-keeping (.wh..wh.plnk and its kin) says nothing about files.
            return
        hidden = name[len(WHITEOUT_PREFIX) :]
        if hidden in (b"", b".", b".."):
            raise InvalidArgument(f"archive entry {shown(entry.name)} is a bad whiteout")
        self._whiteout_of(path, directory, hidden)

    def _whiteout_of(self, path: Parts, directory: Directory, name: bytes) -> None:
        """Hide `name` of the layers below; what this layer holds is not meant."""
        if not directory.merges:
            return
        info = lstat(directory.fd, name)
        if info is None:
            self._hide((*path, name), directory)
        elif stat.S_ISDIR(info.st_mode):
            real = (*path, name)
            self._make_opaque(real, self._open.get(real) or self._enter(real, directory, name))

    def _hide(self, path: Parts, directory: Directory) -> None:
        """Hide `path` of the layers below, which is in `directory` and not in this layer."""
        if look_below(directory.below, path[-1]) is not None:
            make_whiteout(directory.fd, path[-1])

    def _make_opaque(self, path: Parts, directory: Directory) -> None:
        if not directory.merges:
            return
        if path:
            make_opaque(directory.fd)
            for fd in directory.below:
                os.close(fd)
        else:
            # Overlay does not look for the attribute on the root of a layer.
            self._hidden = list(directory.below)
        directory.below.clear()
        directory.unknown = False
        remove_whiteouts(directory.fd)
        # Directories further down were opened when something was below them.
        for known in [k for k in self._open if k[: len(path)] == path and k != path]:
            self._open.pop(known).close()

    def _hide_below_root(self) -> None:
        for lower in self._hidden:
            for name in map(os.fsencode, os.listdir(lower)):
                info = lstat(self._root.fd, name)
                if info is None:
                    make_whiteout(self._root.fd, name)
                elif stat.S_ISDIR(info.st_mode):
                    fd = open_directory(self._root.fd, name)
                    try:
                        make_opaque(fd)
                    finally:
                        os.close(fd)

    def _hardlink(self, path: Parts, directory: Directory, name: bytes, entry: Entry) -> None:
        target = clean(entry.linkname) if entry.linkname else ()
        if not target:
            raise InvalidArgument(f"archive entry {shown(entry.name)} has a bad link target")
        target_path, source = self._resolve(target[:-1], entry.name)
        if (target_path, target[-1]) == (path, name):
            raise InvalidArgument(f"archive entry {shown(entry.name)} is a link to itself")
        info = lstat(source.fd, target[-1])
        if info is None and not self._copy_up(source, target[-1]):
            raise InvalidArgument(
                f"archive entry {shown(entry.name)} is a link to {shown(entry.linkname)}, "
                "which does not exist"
            )
        if info is not None and (stat.S_ISDIR(info.st_mode) or is_whiteout(info)):
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

    def _copy_up(self, directory: Directory, name: bytes) -> bool:
        """Copy the file `name` from the layers below into this one; False if there is none."""
        for lower in directory.below:
            info = lstat(lower, name)
            if info is None:
                continue
            if stat.S_ISDIR(info.st_mode) or is_whiteout(info):
                return False
            with ExitStack() as stack:
                fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=lower)
                stack.callback(os.close, fd)
                entry = describe_file(fd, name, info)
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
