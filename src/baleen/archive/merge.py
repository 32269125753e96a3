"""Applying a layer to a copy of the one below: for stores that can not stack directories.

A whiteout removes what it names, an opaque directory loses what it had; in both cases only what
the layer itself has not brought, whatever the order of its entries.

See: OCI image-spec layer.md, "Applying Changesets".
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from baleen.archive.apply import fill
from baleen.archive.below import lstat
from baleen.archive.layer_tree import Directory, LayerTree, Parts
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.tree import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.archive.entry import Entry
    from baleen.archive.limits import Limits

__all__ = ["merge_layer"]


def merge_layer(root: int, chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> int:
    """Apply the uncompressed archive to the tree in `root`; return the size of its files.

    As `apply.apply_layer` otherwise.
    """
    with _Merged(root) as tree:
        return fill(tree, chunks, limits)


class _Merged(LayerTree):
    """A tree that holds what was below already; it knows what the layer brought."""

    def __init__(self, root: int) -> None:
        # There may be something below anywhere: it is in the tree itself.
        super().__init__(root, (), unknown=True)
        self._brought: set[Parts] = set()

    def _note(self, path: Parts) -> None:
        # What it brought and removed again stays noted: nothing else can be there any more.
        while path and path not in self._brought:
            self._brought.add(path)
            path = path[:-1]

    def _place(
        self,
        path: Parts,
        directory: Directory,
        name: bytes,
        entry: Entry,
        data: Iterator[memoryview],
    ) -> None:
        super()._place(path, directory, name, entry, data)
        self._note((*path, name))

    def _whiteout(self, path: Parts, directory: Directory, name: bytes, entry: Entry) -> None:
        # The directory of a whiteout becomes one of the layer's too.
        self._note(path)
        super()._whiteout(path, directory, name, entry)

    def _make_opaque_directory(self, directory: Directory, name: bytes) -> None:
        os.mkdir(name, 0o755, dir_fd=directory.fd)

    def _hide(self, path: Parts, directory: Directory) -> None:
        """Nothing is there any more."""

    def _whiteout_of(self, path: Parts, directory: Directory, name: bytes) -> None:
        place = (*path, name)
        info = lstat(directory.fd, name)
        if info is None:
            return
        if place not in self._brought:
            self._forget(place)
            remove_tree(directory.fd, name)
        elif stat.S_ISDIR(info.st_mode):
            self._make_opaque(place, self._open.get(place) or self._enter(place, directory, name))

    def _make_opaque(self, path: Parts, directory: Directory) -> None:
        for name in map(os.fsencode, os.listdir(directory.fd)):
            self._whiteout_of(path, directory, name)
