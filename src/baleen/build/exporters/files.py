"""The files of a result as a tar, for `type=tar` and `type=local`.

See: Docker's `docker buildx build --output`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.archive.copy import export_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.build.exporters.built import Built
    from baleen.build.tree_store import TreeStore

__all__ = ["export_files"]


def export_files(trees: TreeStore, results: Sequence[Built]) -> Iterator[bytes]:
    """Yield one archive of the files; those of several platforms in a directory for each.

    Close the iterator to give up.
    """
    if len(results) == 1:
        yield from _archive(trees, results[0])
        return
    yield from _joined(trees, results)


def _archive(trees: TreeStore, built: Built) -> Iterator[bytes]:
    with trees.open_tree(built.tree) as root:
        yield from export_tree(root)


def _joined(trees: TreeStore, results: Sequence[Built]) -> Iterator[bytes]:
    from baleen.archive.entry import Entry, EntryType
    from baleen.archive.reader import TarReader
    from baleen.archive.writer import END, encode_header, padding

    for built in results:
        prefix = str(built.platform).replace("/", "_").encode() + b"/"
        yield encode_header(Entry(name=prefix, type=EntryType.DIRECTORY, mode=0o755))
        reader = TarReader(_archive(trees, built))
        for entry in reader:
            entry.name = prefix + entry.name
            if entry.type is EntryType.HARDLINK:
                entry.linkname = prefix + entry.linkname
            yield encode_header(entry)
            for piece in reader.data():
                yield bytes(piece)
            yield padding(entry.size)
    yield END
