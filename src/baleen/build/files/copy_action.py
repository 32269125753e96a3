"""One COPY or ADD: which files go where in a layer.

See: Dockerfile reference, COPY and ADD; BuildKit, solver/llbsolver/file; error texts: moby,
builder/dockerfile/copy.go.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.api.ignore import Ignore
from baleen.archive.compression import decompress
from baleen.archive.reader import TarReader
from baleen.build.files.archive_tree import CONTEXT_LIMITS, read_archive
from baleen.build.files.copying import Copier
from baleen.build.files.pruning import PrunedTree
from baleen.build.files.selecting import select
from baleen.errors import BaleenError, InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import ExitStack

    from baleen.api.ignore import State
    from baleen.archive.limits import Limits
    from baleen.build.files.layer import Layer, Upper
    from baleen.build.files.selecting import Selected
    from baleen.build.files.tree import FileTree, Node
    from baleen.build.graph import Copying
    from baleen.linux.fd import Fd

__all__ = ["CopyAction"]


@dataclass(frozen=True, slots=True)
class CopyAction:
    """What is copied by one action, and how.

    Attributes:
        action: the operation's.
        word: COPY or ADD, for messages.
        tree: where from.
        is_context: whether that is a build context, for messages.
        owner: uid and gid; None: as it is.
        mode: new permission bits, or None.
        spool: gives a new nameless file for what an archive holds.
        keep: holds what must be open until the layer is packed.
        check: called now and then; it raises when the work shall end.
        limits: of archives that are unpacked.
    """

    action: Copying
    word: str
    tree: FileTree
    is_context: bool
    owner: tuple[int, int] | None
    mode: Callable[[int], int] | None
    spool: Callable[[], Fd]
    keep: ExitStack
    check: Callable[[], None] = lambda: None
    limits: Limits = CONTEXT_LIMITS

    def put(self, layer: Layer) -> None:
        """Put all that is meant into the layer.

        Raises:
            NotFound, InvalidArgument: with the classic builder's words.
        """
        selected = self._selected()
        destination = self.action.destination
        if len(selected) > 1 and not destination.endswith("/"):
            raise InvalidArgument(
                f"When using {self.word} with more than one source file, the destination must be a "
                "directory and end with a /"
            )
        for one in selected:
            if self.action.parents:
                self._put_with_parents(layer, one)
            else:
                self._put_one(layer, one)

    def _selected(self) -> list[Selected]:
        found = []
        for source in self.action.sources:
            try:
                found += select(self.tree, source, parents=self.action.parents, check=self.check)
            except NotFound as err:
                where = (
                    "file not found in build context or excluded by .dockerignore: "
                    if self.is_context
                    else ""
                )
                raise NotFound(f"{self.word} failed: {where}{err.message}") from err
        if not found and not self.action.allow_none and not self.action.parents:
            raise NotFound(f"{self.word} failed: no source files were specified")
        return found

    def _put_one(self, layer: Layer, one: Selected) -> None:
        action = self.action
        node, name = one.node, one.name
        ignore = Ignore(action.exclude)
        made = self.owner or (0, 0)
        when = action.created_ns
        if node.is_directory:
            tree, node = self._pruned(node, ignore, "", ())
            copier = self._copier(layer, tree)
            if action.contents_of_directories:
                copier.contents(node, self._directory(layer))
                return
        else:
            if ignore and ignore.matches(os.fsdecode(name)):
                return
            if action.unpack and self._unpack(layer, node):
                return
            copier = self._copier(layer, self.tree)
        if action.destination.endswith("/"):
            self._directory(layer)
        parent, place, there = layer.place(action.destination, owner=made, time_ns=when)
        if there is not None and there.is_directory:
            parent, place = there, name or b"."
        if place in (b"", b"."):
            copier.contents(node, layer.root if place == b"" else parent)
        else:
            copier.copy(node, parent, place)

    def _copier(self, layer: Layer, tree: FileTree) -> Copier:
        return Copier(layer, tree, owner=self.owner, mode=self.mode, check=self.check)

    def _directory(self, layer: Layer) -> Upper:
        """Return the destination, made if it is missing."""
        path, made = self.action.destination, self.owner or (0, 0)
        parent, name, there = layer.place(path, owner=made, time_ns=self.action.created_ns)
        if there is None:
            return layer.make_directory(parent, name, made, 0o755, self.action.created_ns)
        if not there.is_directory:
            raise InvalidArgument(f"cannot copy to non-directory: /{os.fsdecode(there.path)}")
        return there

    def _pruned(
        self, node: Node, ignore: Ignore, prefix: str, state: State
    ) -> tuple[FileTree, Node]:
        if not ignore:
            return self.tree, node
        tree = PrunedTree(self.tree, ignore, node, prefix=prefix, state=state)
        return tree, tree.root

    def _put_with_parents(self, layer: Layer, one: Selected) -> None:
        action = self.action
        ignore = Ignore(action.exclude)
        target = self._directory(layer)
        names = [*(node.name for node in one.above), one.name]
        state: State = ()
        path = ""
        for name in names if ignore else ():
            path = f"{path}/{os.fsdecode(name)}" if path else os.fsdecode(name)
            excluded, state = ignore.step(path, state)
            if excluded and not ignore.may_hold_exception(path):
                return
        copier = self._copier(layer, self.tree)
        for node in one.above:
            target = copier.directory(node, target, node.name, overwrite=False)
        if not one.node.is_directory:
            copier.copy(one.node, target, one.name)
            return
        if one.name:
            target = copier.directory(one.node, target, one.name, overwrite=False)
        tree, node = self._pruned(one.node, ignore, f"{path}/" if path else "", state)
        self._copier(layer, tree).contents(node, target)

    # -- ADD's archives

    def _unpack(self, layer: Layer, node: Node) -> bool:
        """Unpack the file if it is an archive; say whether."""
        if not node.is_file or not self._is_archive(node):
            return False
        tree = read_archive(
            self._checked(decompress(self.tree.chunks(node), self.limits)),
            self.spool(),
            keep_owners=True,
            limits=self.limits,
        )
        self.keep.callback(tree.close)
        target = self._directory(layer)
        # --chown is for the directory; what is inside has the archive's owners.
        Copier(layer, tree, owner=None, check=self.check).unpack(target)
        return True

    def _checked(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.check()
            yield chunk

    def _is_archive(self, node: Node) -> bool:
        """Whether the content begins as an archive does: with a valid header, perhaps compressed.

        Never by its name.
        """
        if not node.size:
            return False
        try:
            for _ in TarReader(decompress(self.tree.chunks(node), self.limits), self.limits):
                return True
        except BaleenError:
            return False
        return False
