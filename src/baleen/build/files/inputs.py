"""The inputs of operations as file trees, shared by all operations of one build.

What was looked at or digested once stays known for the length of the build: a context's digests,
directories of a base image. Layers that file operations have just made are looked at as they were
made, so that a row of COPYs needs none of them on disk.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from baleen.api.ignore import Ignore
from baleen.archive.compression import decompress
from baleen.build.files.layer_index import read_layer
from baleen.build.files.on_demand import OnDemandTree
from baleen.build.files.pruning import PrunedTree
from baleen.build.session import LocalDirectory
from baleen.build.trees import Tree
from baleen.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.build.files.layer import Layer
    from baleen.build.files.tree import FileTree
    from baleen.build.interfaces import Input
    from baleen.build.session import Session
    from baleen.build.tree_store import TreeStore
    from baleen.oci.digest import Digest

__all__ = ["Inputs", "inputs_of"]

_KEY = "files"
# A look goes through all of them.
_DEPTH = 32
# To read more costs more than to unpack it.
_INDEXED_LAYERS = 8
_INDEXED_BYTES = 128 << 20


@dataclass(slots=True)
class Inputs:
    """See the module's text; safe to use from many threads."""

    store: TreeStore
    _locals: dict[object, tuple[OnDemandTree | None, FileTree]] = field(default_factory=dict)
    _stored: dict[tuple[Digest, ...], OnDemandTree] = field(default_factory=dict)
    _made: dict[tuple[Digest, ...], tuple[Layer, Tree, int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def readable(self, source: Input) -> Iterator[FileTree]:
        """Give an input whose contents can be read inside the block."""
        if not isinstance(source, LocalDirectory):
            stored = self._stored_tree(source)
            with stored.in_use():
                yield stored
            return
        with self._lock:
            # What is in it is no part of its equality.
            key = (source.path, source.exclude, id(source.source))
            found = self._locals.get(key)
            if found is None:
                found = self._locals[key] = _local_tree(source)
        opened, tree = found
        if opened is None:
            yield tree
            return
        with opened.in_use():
            yield tree

    @contextmanager
    def seen(self, tree: Tree) -> Iterator[FileTree | None]:
        """Give a tree to look for paths in, not to read contents; None: it is empty."""
        if not tree.diff_ids:
            yield None
            return
        made = self._made.get(tree.diff_ids) or self._index(tree)
        if made is None:
            with self.readable(tree) as stored:
                yield stored
            return
        layer, below, _ = made
        with self.seen(below):
            yield layer

    def _index(self, tree: Tree) -> tuple[Layer, Tree, int] | None:
        """Read the archives of small layers that are not on disk yet; None: look on disk.

        They are what cached COPYs have made: one that is new must not unpack them all.
        """
        below = tree
        missing = []
        while below.layers and not self.store.is_unpacked(below):
            missing.append(below)
            below = Tree(below.layers[:-1], below.diff_ids[:-1])
        size = sum(each.layers[-1].size for each in missing)
        if not missing or len(missing) > _INDEXED_LAYERS or size > _INDEXED_BYTES:
            return None
        for each in reversed(missing):
            if each.diff_ids not in self._made:
                with self.seen(below) as seen:
                    layer = read_layer(decompress(self.store.archive(each.layers[-1])), seen)
                self.remember(each, layer, below)
            below = each
        return self._made.get(tree.diff_ids)

    def remember(self, tree: Tree, layer: Layer, below: Tree) -> None:
        """Say that `tree` is `layer` on `below`; forgotten where too many are on each other."""
        depth = self._made[below.diff_ids][2] + 1 if below.diff_ids in self._made else 1
        if depth <= _DEPTH:
            self._made[tree.diff_ids] = (layer, below, depth)

    def _stored_tree(self, tree: Tree) -> OnDemandTree:
        with self._lock:
            found = self._stored.get(tree.diff_ids)
            if found is None:
                found = self._stored[tree.diff_ids] = OnDemandTree(
                    lambda: self.store.open_tree(tree)
                )
            return found


def _local_tree(source: LocalDirectory) -> tuple[OnDemandTree | None, FileTree]:
    opened = None
    tree = source.source
    if tree is None:

        def opener() -> Fd:
            return Fd(os.open(source.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

        tree = opened = OnDemandTree(opener)
    ignore = Ignore(source.exclude)
    return opened, PrunedTree(tree, ignore) if ignore else tree


def inputs_of(session: Session, store: TreeStore) -> Inputs:
    """Return those of the build."""
    found = session.extra.get(_KEY)
    if not isinstance(found, Inputs):
        found = session.extra[_KEY] = Inputs(store)
    return found
