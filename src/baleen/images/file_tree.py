"""The files of an image as a tree that layers are applied to, one after the other, in memory.

It is made of the layers' archives, so it works for every platform and whether or not the layers
are unpacked. A node costs some 400 bytes while the answer is made; a layer of more than a million
is refused.

See: OCI image-spec layer.md, "Whiteouts".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from baleen.archive.compression import decompress
from baleen.archive.entry import EntryType
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.names import AUFS_PREFIX, OPAQUE_NAME, WHITEOUT_PREFIX, clean
from baleen.archive.reader import TarReader
from baleen.errors import DataLoss, InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.archive.entry import Entry
    from baleen.content.store import ContentStore
    from baleen.oci.digest import Digest

__all__ = ["Change", "LayerChanges", "Node", "apply_blob", "file_nodes", "path_text"]

_LIMITS = replace(DEFAULT_LIMITS, max_entries=1_000_000)

Path = tuple[bytes, ...]


class Node:
    """A file or directory.

    Attributes:
        children: of a directory, by name; None for everything else.
        facts: to compare: type, mode, owner, target, content, xattrs. None for a directory that no
            layer has an entry for.
        size: bytes of its content.
    """

    __slots__ = ("children", "facts", "size")

    def __init__(self, children: dict[bytes, Node] | None, facts: object, size: int) -> None:
        self.children = children
        self.facts = facts
        self.size = size

    def copy(self) -> Node:
        """Return an independent tree of the same files."""
        children = self.children
        if children is not None:
            children = {name: child.copy() for name, child in children.items()}
        return Node(children, self.facts, self.size)

    def total(self) -> int:
        """Return the bytes of all files in it."""
        return self.size + sum(child.total() for child in (self.children or {}).values())


@dataclass(frozen=True, slots=True)
class Change:
    """One path that a layer touches.

    Attributes:
        path: below the root.
        kind: `added`, `changed`, `removed`, or `rewritten`: the same content stored once more
            (another mode or owner, or nothing at all is different).
        size: bytes that it brings; 0 for `removed`.
        hidden: bytes of lower layers that nobody can see any more.
    """

    path: str
    kind: str
    size: int
    hidden: int


@dataclass(slots=True)
class LayerChanges:
    """What one layer does; directories count only when they appear or go."""

    changes: list[Change] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """Return the number of changes of a kind."""
        return sum(change.kind == kind for change in self.changes)

    @property
    def size(self) -> int:
        """Bytes of the files that it brings."""
        return sum(change.size for change in self.changes)

    @property
    def wasted(self) -> int:
        """Bytes of lower layers that it hides: stored, sent, and never seen."""
        return sum(change.hidden for change in self.changes)


def apply_blob(content: ContentStore, digest: Digest, root: Node) -> LayerChanges:
    """Read a layer's blob, apply it to `root`, and tell what it did.

    Raises:
        DataLoss: it is missing, corrupt or no archive.
        ResourceExhausted: it crosses a limit of archives.
    """
    found = LayerChanges()
    try:
        # Whiteouts are about the layers below, wherever in the archive they stand.
        whiteouts, entries = _read(content, digest)
    except (InvalidArgument, NotFound) as err:
        raise DataLoss(f"layer {digest}: {err.message}") from err
    for path in whiteouts:
        _remove(root, path, found)
    for path, node, is_link in entries:
        _put(root, path, node, found, is_link=is_link)
    return found


def _read(
    content: ContentStore, digest: Digest
) -> tuple[list[Path], list[tuple[Path, Node, bool]]]:
    whiteouts: list[Path] = []
    entries: list[tuple[Path, Node, bool]] = []
    reader = TarReader(decompress(content.chunks(digest), _LIMITS), _LIMITS)
    for entry in reader:
        path = clean(entry.name)
        if not path:
            continue
        name = path[-1]
        if name == OPAQUE_NAME:
            whiteouts.append((*path[:-1], b""))
        elif name.startswith(AUFS_PREFIX):
            continue
        elif name.startswith(WHITEOUT_PREFIX):
            whiteouts.append((*path[:-1], name[len(WHITEOUT_PREFIX) :]))
        else:
            entries.append((path, _node(entry, reader), entry.type is EntryType.HARDLINK))
    reader.drain()
    return whiteouts, entries


def _node(entry: Entry, reader: TarReader) -> Node:
    content = b""
    if entry.type is EntryType.FILE:
        hasher = hashlib.blake2b(digest_size=16)
        for piece in reader.data():
            hasher.update(piece)
        content = hasher.digest()
    is_directory = entry.type is EntryType.DIRECTORY
    facts = (
        entry.type.value,
        content or entry.linkname,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.major,
        entry.minor,
        tuple(sorted(entry.xattrs.items())),
    )
    return Node({} if is_directory else None, facts, 0 if is_directory else entry.size)


def _parent(root: Node, path: Path, *, make: bool) -> dict[bytes, Node] | None:
    node = root
    for name in path[:-1]:
        assert node.children is not None
        child = node.children.get(name)
        if child is None or child.children is None:
            if not make:
                return None
            child = node.children[name] = Node({}, None, 0)
        node = child
    return node.children


def _remove(root: Node, path: Path, found: LayerChanges) -> None:
    siblings = _parent(root, path, make=False)
    if siblings is None:
        return
    names = [path[-1]] if path[-1] else list(siblings)  # b"": all of an opaque directory
    for name in names:
        node = siblings.pop(name, None)
        if node is not None:
            where = path_text((*path[:-1], name))
            found.changes.append(Change(where, "removed", 0, node.total()))


def _put(root: Node, path: Path, node: Node, found: LayerChanges, *, is_link: bool) -> None:
    siblings = _parent(root, path, make=True)
    assert siblings is not None
    before = siblings.get(path[-1])
    if before is not None and before.children is not None and node.children is not None:
        before.facts = node.facts  # directories merge
        return
    siblings[path[-1]] = node
    size = 0 if is_link else node.size
    if before is None:
        found.changes.append(Change(path_text(path), "added", size, 0))
        return
    same = before.facts is not None and _content(before) == _content(node)
    kind = "rewritten" if same else "changed"
    found.changes.append(Change(path_text(path), kind, size, before.total()))


def _content(node: Node) -> object:
    facts = node.facts
    return facts[:2] if isinstance(facts, tuple) else facts


def path_text(path: Path) -> str:
    """Return a path for people and JSON: bytes that are not UTF-8 are escaped."""
    return "/" + b"/".join(path).decode("utf-8", "backslashreplace")


def file_nodes(root: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Return every file and directory below `root`, sorted by path."""
    for name, node in sorted((root.children or {}).items()):
        yield (*path, name), node
        if node.children:
            yield from file_nodes(node, (*path, name))
