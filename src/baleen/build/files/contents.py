"""Digests of what operations take from contexts and trees: the slow keys of the cache.

See: BuildKit, cache/contenthash.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from baleen.api.ignore import Ignore
from baleen.build.files.digest import digest_node, entries_below
from baleen.build.files.inputs import inputs_of
from baleen.build.files.pruning import PrunedTree
from baleen.build.files.selecting import select
from baleen.build.interfaces import Contents
from baleen.build.session import LocalDirectory

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.build.files.selecting import Selected
    from baleen.build.files.threads import Workers
    from baleen.build.files.tree import FileTree, Node
    from baleen.build.interfaces import Input, Selection
    from baleen.build.session import Session
    from baleen.build.tree_store import TreeStore

__all__ = ["ContentDigests", "digest_selection"]

_KNOWN = 64
_ENTRIES = 20_000
"""Files whose short digests are kept for `--why`; of more, none."""


class ContentDigests:
    """The solver's `ContentsReader`; what it digested of trees it remembers, the latest ones."""

    def __init__(self, store: TreeStore, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._known: OrderedDict[object, Contents] = OrderedDict()
        self._lock = Lock()

    async def contents(self, source: Input, selection: Selection, session: Session) -> Contents:
        """Digest what of `source` is selected. See `interfaces.ContentsReader`."""
        key = None if isinstance(source, LocalDirectory) else (source.diff_ids, selection)
        with self._lock:
            found = self._known.get(key) if key else None
        if found is not None:
            return found

        def digest(check: Callable[[], None]) -> Contents:
            check()
            with inputs_of(session, self._store).readable(source) as tree:
                return digest_selection(tree, selection, check)

        found = await self._workers.run(digest)
        if key:
            with self._lock:
                self._known[key] = found
                while len(self._known) > _KNOWN:
                    self._known.popitem(last=False)
        return found


def digest_selection(
    tree: FileTree, selection: Selection, check: Callable[[], None] = lambda: None
) -> Contents:
    """Digest the selected files of a tree, with how they were reached.

    `check` is called for each file; it raises when the work shall end.

    Raises:
        NotFound, InvalidArgument: a path leads nowhere, or is none.
    """
    hashed = hashlib.sha256()
    entries: dict[str, bytes] = {}
    for path in selection.paths:
        found = select(
            tree,
            path,
            patterns=selection.patterns,
            follow=selection.follow,
            parents=selection.parents,
            check=check,
        )
        hashed.update(b"%d\n" % len(found))
        for one in found:
            _add(hashed, tree, one, selection, entries, check)
    return Contents(hashed.hexdigest(), entries if len(entries) <= _ENTRIES else {})


def _add(
    hashed: hashlib._Hash,
    tree: FileTree,
    one: Selected,
    selection: Selection,
    entries: dict[str, bytes],
    check: Callable[[], None],
) -> None:
    ignore = Ignore(selection.exclude)
    node: Node = one.node
    for above in one.above:
        hashed.update(b"%o %d %d " % (above.mode, above.uid, above.gid))
    names_matter = selection.parents or not (selection.contents_only and node.is_directory)
    hashed.update((one.path if names_matter else b"") + b"\0")
    prefix = os.fsdecode(one.path)
    if ignore and node.is_directory:
        tree = PrunedTree(tree, ignore, node)
        node = tree.root
    elif ignore and ignore.matches(os.fsdecode(one.name)):
        return
    hashed.update(digest_node(tree, node, check))
    if len(entries) > _ENTRIES:
        return
    for path, digest in entries_below(tree, node, check).items():
        name = "/".join(part for part in (prefix, os.fsdecode(path)) if part not in ("", "."))
        entries[name or "."] = digest
