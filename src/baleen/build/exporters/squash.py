"""`--squash`: all that was built on the base becomes one layer.

See: Docker's `docker build --squash`; moby `daemon/images/image_squash.go`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from baleen.archive.compare import compare_trees
from baleen.archive.pack import pack_differences
from baleen.archive.tree import DIRECTORY
from baleen.build.trees import Tree
from baleen.images.layering import store_archive
from baleen.linux.fd import Fd
from baleen.oci.image import HistoryEntry, RootFs

if TYPE_CHECKING:
    from baleen.build.exporters.built import Built
    from baleen.build.tree_store import TreeStore
    from baleen.content.store import ContentStore, Lease

__all__ = ["squashed"]


def squashed(
    trees: TreeStore, content: ContentStore, lease: Lease, built: Built, created: str
) -> Built:
    """Return the result with one layer on its base: only what is different in the end.

    What has at most one new layer stays as it is.
    """
    count = built.base_layers
    if len(built.tree.layers) - count < 2:
        return built
    base = Tree(built.tree.layers[:count], built.tree.diff_ids[:count])
    with ExitStack() as stack:
        old = _root(trees, base, stack)
        new = _root(trees, built.tree, stack)
        kinds = compare_trees(old.fileno(), new.fileno())
        layer, diff_id = store_archive(content, lease, pack_differences(new, kinds, owners=None))
    config = built.config
    history = list(config.history or ())
    # A base without history has none to keep.
    kept = _entries_of(history, count)
    history[kept:] = [msgspec.structs.replace(entry, empty_layer=True) for entry in history[kept:]]
    history.append(HistoryEntry(created=created, comment="merge of what was built on the base"))
    tree = Tree((*base.layers, layer), (*base.diff_ids, diff_id))
    return replace(
        built,
        tree=tree,
        config=msgspec.structs.replace(
            config, rootfs=RootFs(type="layers", diff_ids=list(tree.diff_ids)), history=history
        ),
    )


def _root(trees: TreeStore, tree: Tree, stack: ExitStack) -> Fd:
    mounted = stack.enter_context(trees.open_tree(tree))
    # The root of a tree is a mere place: it cannot be read by itself.
    return stack.enter_context(Fd(os.open(".", DIRECTORY, dir_fd=mounted.fileno())))


def _entries_of(history: list[HistoryEntry], layers: int) -> int:
    """Return how many entries lead to so many layers, empty ones behind them included."""
    seen = place = 0
    for place, entry in enumerate(history):
        if not entry.empty_layer:
            seen += 1
            if seen > layers:
                return place
    return len(history) if seen <= layers else place
