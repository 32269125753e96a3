"""A file tree out of an archive that is not unpacked: the contents in one file, the rest in memory.

A build context of 10,000 files costs one file on disk this way, and is digested while it arrives.
What an entry means is what it means to `tar -x`: a later one replaces an earlier one, two
directories are merged, a hard link is one more name for a file of the archive. No name or link of
the archive is ever given to the kernel.

Owners and groups of a context's entries do not count: who packed it says nothing about the image
(BuildKit's clients send 0:0 too). The tree may be used by many threads.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from typing import IO, TYPE_CHECKING

from baleen.archive import files
from baleen.archive.entry import FILE_MODES, Entry, EntryType
from baleen.archive.limits import Limits
from baleen.archive.names import NAME_LIMIT, clean, shown
from baleen.archive.reader import TarReader
from baleen.build.files.tree import SEGMENT, SPARSE, FileTree, Node
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.linux.fd import Fd

__all__ = ["CONTEXT_LIMITS", "ArchiveTree", "is_described", "read_archive", "single_file"]

CONTEXT_LIMITS = Limits(max_bytes=64 << 30, ratio_floor_bytes=256 << 20, max_entries=500_000)
"""Of a build context: an entry costs some 300 bytes of memory."""

_PIECE = 1 << 20
_BUFFER = 1 << 20
_EMPTY = hashlib.sha256().digest()
_NO_XATTRS: dict[str, bytes] = {}


class _Data:
    """Where the stored bytes of a file begin, their digest, and what is rare."""

    __slots__ = ("digest", "offset", "segments", "target", "xattrs")

    def __init__(self, offset: int, digest: bytes) -> None:
        self.offset = offset
        self.digest = digest
        self.segments: list[tuple[int, int]] | None = None
        self.target = b""
        self.xattrs = _NO_XATTRS


class ArchiveTree(FileTree):
    """See the module's text. Made by `read_archive`.

    Args:
        root: its root, with all children loaded.
        spool: the file that the contents are in; the tree's own from here on.
    """

    def __init__(self, root: Node, spool: Fd) -> None:
        self.root = root
        self._spool = spool

    def close(self) -> None:
        """Close the file of the contents: nothing can be read any more."""
        self._spool.close()

    def _load(self, directory: Node) -> dict[bytes, Node]:
        return {}

    def child(self, directory: Node, name: bytes) -> Node | None:
        """Return one file of a directory, or None."""
        return directory.children.get(name) if directory.children else None

    def readlink(self, node: Node) -> bytes:
        """Return the target of a symbolic link."""
        return _data(node).target

    def xattrs(self, node: Node) -> dict[str, bytes]:
        """Return the attributes that the archive gives."""
        return _data(node).xattrs

    def content_digest(self, node: Node) -> bytes:
        """Return what was computed when the archive was read."""
        return _data(node).digest

    def chunks(self, node: Node) -> Iterator[bytes]:
        """Return the content in pieces, holes as zeros."""
        position = 0
        for start, size, offset in self._stored(node):
            yield from _zeros(start - position)
            position = start + size
            while size:
                piece = os.pread(self._spool.fileno(), min(size, _PIECE), offset)
                offset += len(piece)
                size -= len(piece)
                yield piece
        yield from _zeros(node.size - position)

    def _stored(self, node: Node) -> Iterator[tuple[int, int, int]]:
        """Yield (offset in the file, bytes, offset in the spool) of what is no hole."""
        data = _data(node)
        if data.segments is None:
            yield 0, node.size, data.offset
            return
        offset = data.offset
        for start, size in data.segments:
            yield start, size, offset
            offset += size


def _data(node: Node) -> _Data:
    data = node.data
    if data is None:
        return _NOTHING
    if isinstance(data, bytes):
        return _Data(int.from_bytes(data[:_OFFSET], "big"), data[_OFFSET:])
    assert isinstance(data, _Data)  # of this tree
    return data


def _small(data: _Data) -> bytes | _Data:
    """Return what a node keeps: of a plain file a third of the memory."""
    if data.segments is not None or data.xattrs or data.target:
        return data
    if data.digest is _EMPTY:
        return _EMPTY_FILE
    return data.offset.to_bytes(_OFFSET, "big") + data.digest


_OFFSET = 8
_EMPTY_FILE = bytes(_OFFSET) + _EMPTY
_NOTHING = _Data(0, _EMPTY)
_IMPLIED = _Data(0, _EMPTY)


def is_described(directory: Node) -> bool:
    """Whether the archive has an entry for the directory, and not only for what is in it."""
    return directory.data is not _IMPLIED


def single_file(
    name: bytes, spool: Fd, *, mode: int, size: int, mtime_ns: int, digest: bytes
) -> ArchiveTree:
    """Return a tree of one file at its root whose content is the file `spool`, which it owns."""
    root = Node(b"", None, stat.S_IFDIR | 0o755, 0, 0, 0, mtime_ns)
    node = Node(name, root, stat.S_IFREG | mode, 0, 0, size, mtime_ns)
    node.data = _Data(0, digest)
    root.children = {name: node}
    return ArchiveTree(root, spool)


def _zeros(size: int) -> Iterator[bytes]:
    while size > 0:
        yield bytes(min(size, _PIECE))
        size -= _PIECE


def read_archive(
    chunks: Iterable[bytes],
    spool: Fd,
    *,
    keep_owners: bool = False,
    limits: Limits = CONTEXT_LIMITS,
) -> ArchiveTree:
    """Read the uncompressed archive to its end; the contents go to the new, empty file `spool`.

    Takes ownership of `spool`. With `keep_owners` the nodes have the archive's owners, else root.

    Raises:
        InvalidArgument: the archive is malformed, names the entry.
        ResourceExhausted: a limit is crossed, or no space.
    """
    try:
        with open(os.dup(spool.fileno()), "wb", buffering=_BUFFER) as file:
            root = _Reading(file, limits, keep_owners=keep_owners).read(chunks)
    except OSError as err:
        spool.close()
        raise files.failure(err, b"build context", "store the") from err
    except BaseException:
        spool.close()
        raise
    return ArchiveTree(root, spool)


class _Reading:
    def __init__(self, spool: IO[bytes], limits: Limits, *, keep_owners: bool) -> None:
        self._keep_owners = keep_owners
        self._spool = spool
        self._limits = limits
        self._offset = 0
        self._now = time.time_ns()
        self._root = self._directory(b"", None)
        # Of the last entry, whose neighbours follow.
        self._last: tuple[bytes, Node] = (b"", self._root)
        self._made = 0

    def read(self, chunks: Iterable[bytes]) -> Node:
        reader = TarReader(chunks, self._limits)
        for entry in reader:
            self._add(entry, reader)
        reader.drain()
        pending = [self._root]
        while pending:
            node = pending.pop()
            children = node.children or {}
            node.children = {name: children[name] for name in sorted(children)}
            pending += [child for child in children.values() if child.children is not None]
        return self._root

    def _directory(self, name: bytes, parent: Node | None) -> Node:
        node = Node(name, parent, stat.S_IFDIR | 0o755, 0, 0, 0, self._now)
        node.children = {}
        return node

    def _add(self, entry: Entry, reader: TarReader) -> None:
        head, _, name = entry.name.rpartition(b"/")
        if head == self._last[0] and name not in (b"", b".", b"..") and b"\0" not in name:
            parent = self._last[1]
        else:
            parts = clean(entry.name)
            if not parts:
                if entry.type is EntryType.DIRECTORY:
                    self._describe(self._root, entry)
                return
            name = parts[-1]
            parent = self._parent(parts[:-1], entry.name)
            self._last = (head, parent)
        if entry.type is EntryType.DIRECTORY:
            # It may take the place of what was remembered.
            self._last = (b"", self._root)
        self._place(parent, name, entry, reader)

    def _parent(self, parts: tuple[bytes, ...], entry_name: bytes) -> Node:
        node = self._root
        for part in parts:
            assert node.children is not None  # directories have them
            child = node.children.get(part)
            if child is None:
                # The reader counts entries; `a/b/c/...` makes more of one.
                self._made += 1
                self._limits.check_entries(self._made)
                child = node.children[part] = self._directory(part, node)
                child.data = _IMPLIED
            elif not stat.S_ISDIR(child.mode):
                raise InvalidArgument(
                    f"archive entry {shown(entry_name)} is inside of something that is not a "
                    "directory"
                )
            node = child
        return node

    def _place(self, parent: Node, name: bytes, entry: Entry, reader: TarReader) -> None:
        siblings = parent.children
        assert siblings is not None  # a directory
        if entry.type is EntryType.DIRECTORY:
            node = siblings.get(name)
            if node is None or not stat.S_ISDIR(node.mode):
                node = siblings[name] = self._directory(name, parent)
            self._describe(node, entry)
            return
        if entry.type is EntryType.HARDLINK:
            siblings[name] = self._hardlink(parent, name, entry)
        else:
            siblings[name] = self._file(parent, name, entry, reader)

    def _describe(self, node: Node, entry: Entry) -> None:
        node.mode = stat.S_IFDIR | entry.mode
        node.mtime_ns = entry.mtime_ns
        node.data = None
        if self._keep_owners:
            node.uid, node.gid = entry.uid, entry.gid
        if entry.xattrs:
            data = node.data = _Data(0, _EMPTY)
            data.xattrs = _kept(entry.xattrs)

    def _file(self, parent: Node, name: bytes, entry: Entry, reader: TarReader) -> Node:
        kind = FILE_MODES[entry.type]
        rdev = os.makedev(entry.major, entry.minor) if entry.major or entry.minor else 0
        node = Node(name, parent, kind | entry.mode, 0, 0, entry.size, entry.mtime_ns, rdev)
        is_file = entry.type is EntryType.FILE
        data = self._store(entry, reader) if is_file else _Data(0, _EMPTY)
        if entry.type is EntryType.SYMLINK:
            if not entry.linkname or b"\0" in entry.linkname or len(entry.linkname) > NAME_LIMIT:
                raise InvalidArgument(f"archive entry {shown(entry.name)} has a bad link target")
            data.target = entry.linkname
        if entry.xattrs:
            data.xattrs = _kept(entry.xattrs)
        if self._keep_owners:
            node.uid, node.gid = entry.uid, entry.gid
        node.data = _small(data)
        return node

    def _store(self, entry: Entry, reader: TarReader) -> _Data:
        if not entry.size:
            return _Data(self._offset, _EMPTY)
        hashed = hashlib.sha256()
        offset = self._offset
        segments = entry.segments
        write = self._spool.write
        if segments is None:
            for piece in reader.data():
                hashed.update(piece)
                write(piece)
            self._offset += entry.size
            return _Data(offset, hashed.digest())
        hashed.update(SPARSE)
        left = iter(segments)
        size = 0
        for piece in reader.data():
            while piece:
                while not size:
                    start, size = next(left)
                    hashed.update(SEGMENT.pack(start, size))
                part = piece[:size]
                hashed.update(part)
                write(part)
                self._offset += len(part)
                size -= len(part)
                piece = piece[len(part) :]
        data = _Data(offset, hashed.digest())
        data.segments = segments
        return data

    def _hardlink(self, parent: Node, name: bytes, entry: Entry) -> Node:
        target: Node | None = self._root
        for part in clean(entry.linkname) if entry.linkname else ():
            target = target.children.get(part) if target and target.children else None
        if target is None or stat.S_ISDIR(target.mode):
            raise InvalidArgument(f"archive entry {shown(entry.name)} has a bad link target")
        if target.inode is None:
            target.inode = object()
        return Node(
            name,
            parent,
            target.mode,
            target.uid,
            target.gid,
            target.size,
            target.mtime_ns,
            target.rdev,
            target.inode,
            target.data,
        )


def _kept(xattrs: dict[str, bytes]) -> dict[str, bytes]:
    """Return the attributes that a COPY takes along."""
    return {
        key: value
        for key, value in xattrs.items()
        if key == "security.capability"
        or (key.startswith("user.") and not key.startswith("user.overlay."))
    }
