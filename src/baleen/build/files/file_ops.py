"""The executor of file operations: COPY, ADD, WORKDIR's directory, heredocs.

The result is a layer that was never on disk, see `layer`.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

from baleen.build.contexts.remote import redacted
from baleen.build.files.copy_action import CopyAction
from baleen.build.files.inputs import inputs_of
from baleen.build.files.layer import Layer
from baleen.build.files.modes import parse_mode
from baleen.build.files.owners import has_names, resolve_owner, user_files
from baleen.build.files.packing import pack_layer
from baleen.build.files.spooling import spool_file
from baleen.build.graph import Copying, FileOp, HttpSource, Making, Removing, Writing
from baleen.build.session import LocalDirectory
from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument
from baleen.images.layering import store_archive
from baleen.images.users import UserFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from baleen.build.files.inputs import Inputs
    from baleen.build.files.threads import Workers
    from baleen.build.graph import FileAction, Vertex
    from baleen.build.interfaces import Input, Report
    from baleen.build.session import Session
    from baleen.build.tree_store import TreeStore
    from baleen.content.store import ContentStore, Lease

__all__ = ["FileOps", "store_layer"]

UNNAMED = "__unnamed__"
"""The file of a URL whose path has no name."""

_WORD = re.compile(r"(?:^|\] )(ADD|COPY)\b")


class FileOps:
    """See the module's text.

    Attributes:
        store: trees on disk.
        content: where the layers' blobs go.
        directory: for contents that are needed for a while, on the data root.

    Args:
        workers: do what blocks.
    """

    def __init__(
        self, store: TreeStore, content: ContentStore, directory: Path, workers: Workers
    ) -> None:
        self.store = store
        self.content = content
        self.directory = directory
        self._workers = workers

    async def run(
        self, vertex: Vertex, inputs: Sequence[Input], session: Session, report: Report
    ) -> Sequence[Tree]:
        """Do the actions in order; return the input's tree with one layer more.

        Raises:
            NotFound, InvalidArgument: what is wrong with a path, with the classic builder's words.
            ResourceExhausted: no space, or an archive crosses a limit.
        """
        work = _Work(self, vertex, inputs, session)
        return [await self._workers.run(work.do)]


def _word(name: str) -> str:
    found = _WORD.search(name)
    return found[1] if found else "COPY"


class _Work:
    """One operation."""

    def __init__(
        self, ops: FileOps, vertex: Vertex, inputs: Sequence[Input], session: Session
    ) -> None:
        assert isinstance(vertex.op, FileOp)  # the solver's choice
        self._ops = ops
        self._op = vertex.op
        self._word = _word(vertex.name)
        self._sources = [edge.vertex.op for edge in vertex.inputs]
        self._inputs = inputs
        self._session = session
        self._trees: Inputs = inputs_of(session, ops.store)
        self._keep = ExitStack()

    def do(self, check: Callable[[], None]) -> Tree:
        below = EMPTY
        if not self._op.scratch:
            first = self._inputs[0]
            assert isinstance(first, Tree)  # never a context
            below = first
        with self._keep:
            layer = Layer(
                self._keep.enter_context(self._trees.seen(below)), epoch_ns=self._session.epoch_ns
            )
            for action in self._op.actions:
                check()
                self._act(layer, below, action, check)
            after = store_layer(self._ops.content, self._session.lease, layer, below, check)
            self._trees.remember(after, layer, below)
        return after

    def _act(
        self, layer: Layer, below: Tree, action: FileAction, check: Callable[[], None]
    ) -> None:
        if isinstance(action, Copying):
            self._copy(layer, below, action, check)
            return
        if isinstance(action, Removing):
            layer.remove(action.path)
            return
        owner = self._owner(action.owner, below) or (0, 0)
        if isinstance(action, Making):
            layer.directory(action.path, owner=owner, mode=action.mode, time_ns=action.created_ns)
        else:
            self._write(layer, action, owner)

    def _copy(self, layer: Layer, below: Tree, action: Copying, check: Callable[[], None]) -> None:
        if action.input < 0:
            raise InvalidArgument("cannot copy from the tree that is worked on")
        source, op = self._inputs[action.input], self._sources[action.input]
        if (
            isinstance(op, HttpSource)
            and op.filename == UNNAMED
            and action.destination.endswith("/")
        ):
            raise InvalidArgument(
                f"{self._word} failed: cannot determine filename for source {redacted(op.url)}"
            )
        is_context = isinstance(source, LocalDirectory)
        owner = self._owner(action.owner, below)
        CopyAction(
            action,
            self._word,
            self._keep.enter_context(self._trees.readable(source)),
            is_context,
            (0, 0) if owner is None and is_context else owner,
            parse_mode(action.mode) if action.mode else None,
            lambda: spool_file(self._ops.directory),
            self._keep,
            check,
        ).put(layer)

    @staticmethod
    def _write(layer: Layer, action: Writing, owner: tuple[int, int]) -> None:
        made = action.created_ns
        parent, name, there = layer.place(action.path, owner=owner, time_ns=made)
        if there is not None and there.is_directory:
            raise InvalidArgument(f"cannot replace to directory {action.path} with file")
        mode = parse_mode(action.mode)(0o644)
        node = layer.write(parent, name, action.content, owner, mode)
        if made is not None:
            node.mtime_ns = layer.clamped(made)

    def _owner(self, words: str, below: Tree) -> tuple[int, int] | None:
        if words == "keep":
            return None
        if not has_names(words):
            return resolve_owner(words, UserFiles())
        try:
            with self._trees.seen(below) as tree:
                files = UserFiles() if tree is None else user_files(tree)
        except (OSError, ValueError):
            # They are in a layer that is not on disk yet, and whose sources are gone.
            with self._trees.readable(below) as tree:
                files = user_files(tree)
        return resolve_owner(words, files)


def store_layer(
    content: ContentStore, lease: Lease, layer: Layer, below: Tree, check: Callable[[], None]
) -> Tree:
    """Store the layer's archive as a blob, which is durable then; return `below` with it on top.

    Raises:
        ResourceExhausted: no space, or the files are too large.
    """
    descriptor, diff_id = store_archive(content, lease, pack_layer(layer, check=check))
    return Tree((*below.layers, descriptor), (*below.diff_ids, diff_id))
