"""A stored layer to look for paths in, read from its archive and not unpacked.

Only what is where: names, types, owners, targets of links. The contents stay in the blob.

See: OCI image-spec layer.md, "Applying Changesets".
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from baleen.archive.entry import FILE_MODES, Entry, EntryType
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.names import OPAQUE_NAME, WHITEOUT_PREFIX, clean
from baleen.archive.reader import TarReader
from baleen.build.files.layer import Layer, Upper

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.archive.limits import Limits
    from baleen.build.files.tree import FileTree

__all__ = ["read_layer"]


def read_layer(
    chunks: Iterable[bytes], below: FileTree | None, limits: Limits = DEFAULT_LIMITS
) -> Layer:
    """Return the layer of an uncompressed archive over the tree below it.

    Raises:
        InvalidArgument, ResourceExhausted: the archive is malformed, or crosses a limit.
    """
    layer = Layer(below)
    reader = TarReader(chunks, limits)
    for entry in reader:
        parts = clean(entry.name)
        if parts:
            _add(layer, parts, entry)
    reader.drain()
    return layer


def _add(layer: Layer, parts: tuple[bytes, ...], entry: Entry) -> None:
    name = parts[-1]
    parent = layer.directory(b"/".join(parts[:-1]))
    if name == OPAQUE_NAME:
        layer.hide_below(parent)
    elif name.startswith(WHITEOUT_PREFIX):
        layer.remove(parent.path + b"/" + name[len(WHITEOUT_PREFIX) :])
    elif entry.type is EntryType.DIRECTORY:
        there = layer.child(parent, name)
        if there is None or not there.is_directory:
            layer.make_directory(parent, name, (entry.uid, entry.gid), entry.mode, entry.mtime_ns)
        else:
            there.mode = stat.S_IFDIR | entry.mode
            there.uid, there.gid = entry.uid, entry.gid
    else:
        # A hard link counts as the file that it names.
        mode = FILE_MODES.get(entry.type, stat.S_IFREG) | entry.mode
        node = Upper(
            name, parent, mode, entry.uid, entry.gid, entry.size, entry.mtime_ns, 0, None, None
        )
        if entry.type is EntryType.SYMLINK:
            node.data = entry.linkname
        layer.put(parent, node)
