"""Nodes of one tree put into a layer over another: COPY, and what ADD unpacks.

COPY, by BuildKit's rules:

- The contents of a directory go into the destination, which is made if it is missing; a directory
  that is there already keeps its owner and mode, those below it get what the source has.
- A file goes into a destination that is a directory, or takes its place.
- Links are copied as they are; names of one file stay names of one file.
- A file replaces a file or link. It never replaces a directory, nor a directory a file.

An archive, as `tar -x`: an entry replaces what is there, two directories are merged, a directory
that the archive does not describe may be a link to one.

See: BuildKit, fsutil/copy; moby, pkg/archive.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from baleen.build.files.archive_tree import is_described
from baleen.build.files.layer import Upper
from baleen.errors import InvalidArgument
from baleen.linux.user_namespace import in_first_user_namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.build.files.layer import Layer
    from baleen.build.files.tree import FileTree, Node

__all__ = ["Copier"]


class Copier:
    """Copies with one owner and mode; see the module's text.

    Args:
        layer: where to.
        tree: where the nodes are from; it must be readable until the layer is packed.
        owner: uid and gid of all that is copied; None: as it is.
        mode: the new permission bits for an st_mode; None: as they are.
        time_ns: of all that is copied; None: as it is.
        check: called for each directory; it raises when the copying shall end.
    """

    def __init__(
        self,
        layer: Layer,
        tree: FileTree,
        *,
        owner: tuple[int, int] | None,
        mode: Callable[[int], int] | None = None,
        time_ns: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._layer = layer
        self._tree = tree
        self._owner = owner
        self._mode = mode
        self._time_ns = time_ns
        self._key = object()
        self._check = check

    def copy(self, node: Node, parent: Upper, name: bytes) -> None:
        """Copy a file to that name, or a directory and all in it.

        Raises:
            InvalidArgument: a directory is in the way of a file, or the reverse; NotFound, OSError:
                the source changed or cannot be read.
        """
        if node.is_directory:
            self.contents(node, self.directory(node, parent, name, overwrite=False))
        else:
            self._leaf(node, parent, name, is_new=False)

    def contents(self, top: Node, target: Upper) -> None:
        """Copy what is in a directory into another."""
        pending = [(top, target)]
        while pending:
            node, into = pending.pop()
            self._check()
            is_new = into.below is None and not into.children
            deeper = []
            for name, child in self._tree.children(node).items():
                if stat.S_ISDIR(child.mode):
                    deeper.append((child, self.directory(child, into, name, overwrite=True)))
                else:
                    self._leaf(child, into, name, is_new=is_new)
            pending += deeper

    def directory(self, node: Node, parent: Upper, name: bytes, *, overwrite: bool) -> Upper:
        """Return the directory of that name, made as `node` is, or made so with `overwrite`.

        Raises:
            InvalidArgument: there is something else.
        """
        there = self._layer.child(parent, name)
        if there is None:
            owner = self._owner or (node.uid, node.gid)
            return self._layer.make_directory(
                parent, name, owner, self._bits(node), self._time(node), self._tree, node
            )
        if not stat.S_ISDIR(there.mode):
            raise InvalidArgument(f"cannot copy to non-directory: /{os.fsdecode(there.path)}")
        if overwrite:
            self._layer.describe(there, self._made(node, parent, name))
        return there

    def _bits(self, node: Node) -> int:
        return self._mode(node.mode) if self._mode else stat.S_IMODE(node.mode)

    def _time(self, node: Node) -> int:
        return node.mtime_ns if self._time_ns is None else self._time_ns

    def _made(self, node: Node, parent: Upper, name: bytes) -> Upper:
        mode = node.mode
        if self._mode is not None and not stat.S_ISLNK(mode):
            mode = stat.S_IFMT(mode) | self._mode(mode)
        uid, gid = self._owner or (node.uid, node.gid)
        return Upper(
            name,
            parent,
            mode,
            uid,
            gid,
            node.size,
            self._layer.clamped(self._time(node)),
            node.rdev,
            self._tree,
            node,
        )

    def _leaf(self, node: Node, parent: Upper, name: bytes, *, is_new: bool) -> None:
        if not is_new:
            there = self._layer.child(parent, name)
            if there is not None and stat.S_ISDIR(there.mode):
                raise InvalidArgument(
                    f"cannot replace to directory /{os.fsdecode(there.path)} with file"
                )
        if _can_be_made(node):
            self._put(node, parent, name)

    def _put(self, node: Node, parent: Upper, name: bytes) -> None:
        made = self._made(node, parent, name)
        if node.inode is not None:
            # Of this copy: another one may give it another owner.
            made.inode = (self._key, node.inode)
        self._layer.put(parent, made)

    # -- as tar -x

    def unpack(self, target: Upper) -> None:
        """Put all of an archive's tree into a directory.

        Raises:
            InvalidArgument: a path through something that is no directory.
        """
        pending = [(self._tree.root, target)]
        while pending:
            node, into = pending.pop()
            self._check()
            deeper = []
            for name, child in self._tree.children(node).items():
                if stat.S_ISDIR(child.mode):
                    deeper.append((child, self._entered(child, into, name)))
                elif _can_be_made(child):
                    self._put(child, into, name)
            pending += deeper

    def _entered(self, node: Node, parent: Upper, name: bytes) -> Upper:
        there = self._layer.child(parent, name)
        described = is_described(node)
        if there is not None and stat.S_ISLNK(there.mode) and not described:
            return self._layer.directory(there.path)
        if there is not None and stat.S_ISDIR(there.mode):
            if described:
                self._layer.describe(there, self._made(node, parent, name))
            return there
        owner = self._owner or (node.uid, node.gid)
        return self._layer.make_directory(
            parent, name, owner, self._bits(node), self._time(node), self._tree, node
        )


def _can_be_made(node: Node) -> bool:
    """Whether a layer can hold it here: no sockets, and in a user namespace no devices."""
    if stat.S_ISSOCK(node.mode):
        return False
    if not (stat.S_ISCHR(node.mode) or stat.S_ISBLK(node.mode)):
        return True
    if stat.S_ISCHR(node.mode) and node.rdev == 0:
        raise InvalidArgument(
            f"cannot copy /{os.fsdecode(node.path)}: the character device 0:0 means a removed "
            "file in an overlay"
        )
    return in_first_user_namespace()
