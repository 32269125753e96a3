"""A layer's archive, packed straight from where its contents are.

The order is that of Go's filepath.Walk. Names of one file become hard links, holes zeros; sockets
have no form in a tar and are left out.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from baleen.archive.entry import ENTRY_TYPES, Entry, EntryType
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.names import OPAQUE_NAME, WHITEOUT_PREFIX
from baleen.archive.writer import END, encode_header, padding
from baleen.build.files.layer import WHITEOUT, Upper
from baleen.errors import DataLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baleen.archive.limits import Limits
    from baleen.build.files.layer import Layer

__all__ = ["pack_layer"]

_GATHER = 256 << 10


def pack_layer(
    layer: Layer,
    *,
    check: Callable[[], None] = lambda: None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[bytes]:
    """Return the uncompressed archive in pieces of some 256 KiB.

    `check` is called now and then; it raises when the packing shall end.

    Raises:
        ResourceExhausted: the files are larger than the limit (holes count); OSError, NotFound: a
            source cannot be read; DataLoss: it became shorter meanwhile.
    """
    pending: list[bytes] = []
    size = 0
    for piece in _pieces(layer, limits):
        pending.append(piece)
        size += len(piece)
        if size >= _GATHER:
            check()
            yield b"".join(pending)
            pending, size = [], 0
    pending.append(END)
    yield b"".join(pending)


def _pieces(layer: Layer, limits: Limits) -> Iterator[bytes]:
    linked: dict[object, bytes] = {}
    total = 0
    for node, path in _parts(layer):
        mode = node.mode
        if mode == WHITEOUT:
            head, slash, name = path.rpartition(b"/")
            yield _mark(head + slash + WHITEOUT_PREFIX + name, node.mtime_ns)
            continue
        kind = ENTRY_TYPES.get(stat.S_IFMT(mode))
        if kind is None:
            continue
        entry = Entry(path, kind, mode & 0o7777, node.uid, node.gid, 0, node.mtime_ns)
        if node.inode is not None:
            first = linked.setdefault(node.inode, path)
            if first is not path:
                entry.type, entry.linkname = EntryType.HARDLINK, first
                yield encode_header(entry)
                continue
        xattrs = layer.xattrs(node)
        if xattrs:
            entry.xattrs = xattrs
        if kind is EntryType.FILE:
            total += node.size
            limits.check_file(total)
            entry.size = node.size
            yield encode_header(entry)
            if node.size:
                yield from _content(layer, node)
            continue
        if kind is EntryType.SYMLINK:
            entry.linkname = layer.readlink(node)
        elif kind in (EntryType.CHAR, EntryType.BLOCK):
            entry.major, entry.minor = os.major(node.rdev), os.minor(node.rdev)
        yield encode_header(entry)
        if node.is_opaque:
            yield _mark(path + b"/" + OPAQUE_NAME, node.mtime_ns)


def _content(layer: Layer, node: Upper) -> Iterator[bytes]:
    left = node.size
    for piece in layer.chunks(node):
        if len(piece) > left:
            # It became longer; the header has promised its size.
            yield piece[:left]
            left = 0
            break
        left -= len(piece)
        yield piece
    if left:
        raise DataLoss(f"/{os.fsdecode(node.path)} became shorter while it was read")
    if node.size % 512:
        yield padding(node.size)


def _parts(layer: Layer) -> Iterator[tuple[Upper, bytes]]:
    """Yield what is part of the layer, with its path."""
    pending = _below(layer.root, b"")
    while pending:
        node, path = pending.pop()
        yield node, path
        if node.children:
            pending += _below(node, path + b"/")


def _below(directory: Upper, prefix: bytes) -> list[tuple[Upper, bytes]]:
    children = directory.children or {}
    return [
        (child, prefix + name)
        for name in sorted(children, reverse=True)
        if isinstance(child := children[name], Upper) and child.is_part
    ]


def _mark(name: bytes, mtime_ns: int) -> bytes:
    return encode_header(Entry(name, EntryType.FILE, 0o600, mtime_ns=mtime_ns))
