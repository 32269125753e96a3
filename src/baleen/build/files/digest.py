"""What matters about files, as digests: equal ones give equal results when they are copied.

By BuildKit's rules: name, type, mode, owner and group, link target, device number, extended
attributes that are copied, content. Times do not matter. What a directory's node remembers covers
all below it, so what was digested for one COPY costs nothing for the next.

See: BuildKit, cache/contenthash.
"""

from __future__ import annotations

import hashlib
import stat
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.build.files.tree import FileTree, Node

__all__ = ["digest_node", "entries_below"]

_HEADER = Struct(">IIIQQ")
_SHORT = 8


def digest_node(tree: FileTree, top: Node, check: Callable[[], None] = lambda: None) -> bytes:
    """Return the digest (32 bytes) of a file without its name, and of all below it.

    `check` is called for each file; it raises when the work shall end.

    Raises:
        OSError, NotFound: the tree cannot be read.
    """
    if top.digest is not None:
        return top.digest
    # Directories after what is in them; no recursion, because depth is the client's choice.
    pending: list[tuple[Node, bool]] = [(top, False)]
    while pending:
        node, is_complete = pending.pop()
        check()
        if not stat.S_ISDIR(node.mode):
            if node.digest is None:
                node.digest = _leaf(tree, node)
        elif is_complete:
            node.digest = _directory(tree, node)
        elif node.digest is None:
            pending.append((node, True))
            pending.extend((child, False) for child in tree.children(node).values())
    return _digest(top)


def _digest(node: Node) -> bytes:
    assert node.digest is not None  # it was computed before
    return node.digest


def _leaf(tree: FileTree, node: Node) -> bytes:
    hashed = hashlib.sha256(_HEADER.pack(node.mode, node.uid, node.gid, node.size, node.rdev))
    if stat.S_ISREG(node.mode):
        hashed.update(tree.content_digest(node))
    elif stat.S_ISLNK(node.mode):
        # A link's own mode has no meaning, and differs between archives and file systems.
        mode = stat.S_IFLNK | 0o777
        hashed = hashlib.sha256(_HEADER.pack(mode, node.uid, node.gid, 0, 0))
        hashed.update(tree.readlink(node))
    _add_xattrs(hashed, tree.xattrs(node))
    return hashed.digest()


def _directory(tree: FileTree, node: Node) -> bytes:
    hashed = hashlib.sha256(_HEADER.pack(node.mode, node.uid, node.gid, 0, 0))
    _add_xattrs(hashed, tree.xattrs(node))
    parts: list[bytes] = []
    for name, child in tree.children(node).items():
        # No name holds a NUL, and digests are of one length.
        parts += (name, b"\0", _digest(child))
    hashed.update(b"".join(parts))
    return hashed.digest()


def _add_xattrs(hashed: hashlib._Hash, xattrs: dict[str, bytes]) -> None:
    for key in sorted(xattrs):
        value = xattrs[key]
        hashed.update(b"%s\0%d\0" % (key.encode("utf-8", "surrogateescape"), len(value)))
        hashed.update(value)


def entries_below(
    tree: FileTree, top: Node, check: Callable[[], None] = lambda: None
) -> dict[bytes, bytes]:
    """Return a short digest of each file below (and with) `top`, by its path from there.

    Of a directory it is that of its own attributes: `--why` names what has changed, not all above.
    """
    found: dict[bytes, bytes] = {}
    pending = [(top, b"")]
    while pending:
        node, path = pending.pop()
        check()
        if stat.S_ISDIR(node.mode):
            own = hashlib.sha256(_HEADER.pack(node.mode, node.uid, node.gid, 0, 0))
            _add_xattrs(own, tree.xattrs(node))
            found[path or b"."] = own.digest()[:_SHORT]
            prefix = path + b"/" if path else b""
            pending += [(child, prefix + name) for name, child in tree.children(node).items()]
        else:
            found[path or b"."] = (node.digest or _leaf(tree, node))[:_SHORT]
    return found
