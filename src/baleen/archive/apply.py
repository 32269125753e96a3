"""Applying a layer: an archive of changes becomes the upper directory of an overlay.

Two ways give the same directory:

    apply_layer(root, below, chunks)                   the layers below are there
    apply_alone(root, chunks) ... settle(root, below)  they come later

A layer alone is unpacked while those below it are still on their way. What depends on them is
noted (`Unsettled`) and put right by `settle`. What cannot be put right is rare, and raises
`NeedsLower`: then the layer has to be unpacked again, by `apply_layer`.

See: OCI image-spec layer.md, "Applying Changesets"; `layer_tree` for what becomes of an entry.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.archive import files
from baleen.archive.below import describe_directory, look_below, lstat
from baleen.archive.layer_tree import Directory, LayerTree, Parts
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.names import clean
from baleen.archive.reader import TarReader
from baleen.archive.tree import open_below, open_directory
from baleen.archive.whiteouts import make_whiteout
from baleen.linux.overlayfs import is_whiteout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baleen.archive.limits import Limits

__all__ = ["NeedsLower", "Unsettled", "apply_alone", "apply_layer", "fill", "settle"]


class NeedsLower(Exception):  # no error: it never leaves the unpacking
    """The layer can not be unpacked without those below it."""


@dataclass(slots=True)
class Unsettled:
    """What of a layer unpacked alone depends on the layers below, by path.

    Attributes:
        passed: directories that the archive puts files into but does not describe.
        whiteouts: made without knowing whether there is something to hide.
    """

    passed: dict[Parts, None] = field(default_factory=lambda: {(): None})
    whiteouts: list[Parts] = field(default_factory=list)


def apply_layer(
    root: int,
    below: Sequence[int],
    chunks: Iterable[bytes],
    limits: Limits = DEFAULT_LIMITS,
) -> int:
    """Unpack the uncompressed archive `chunks` into the empty directory `root`; return its size.

    The size is the sum of the file sizes. `below` are the open directories of the layers below,
    top-most first; all descriptors stay the caller's. `chunks` is read to its end. An error
    leaves a part unpacked.

    Raises:
        InvalidArgument: the archive is malformed or asks for the impossible; names the entry.
        ResourceExhausted: no space, or a limit is crossed.
    """
    with LayerTree(root, below) as tree:
        return fill(tree, chunks, limits)


def apply_alone(
    root: int, chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS
) -> tuple[int, Unsettled]:
    """Unpack a layer whose lower layers are not known yet; return its size and what to `settle`.

    Raises:
        NeedsLower: it has to be unpacked by `apply_layer`; `chunks` is not read to its end.
        InvalidArgument, ResourceExhausted: as `apply_layer`.
    """
    with _Alone(root) as tree:
        return fill(tree, chunks, limits), tree.unsettled


def fill(tree: LayerTree, chunks: Iterable[bytes], limits: Limits) -> int:
    """Put all entries of an archive into `tree`; return the sum of the file sizes."""
    reader = TarReader(chunks, limits)
    size = 0
    for entry in reader:
        parts = clean(entry.name)
        try:
            tree.add(parts, entry, reader.data())
        except OSError as err:
            raise files.failure(err, entry.name, "unpack") from err
        size += entry.size
    reader.drain()
    tree.finish()
    return size


class _Alone(LayerTree):
    def __init__(self, root: int) -> None:
        super().__init__(root, (), unknown=True)
        self.unsettled = Unsettled()

    def _passed_through(self, real: Parts, directory: Directory, entry_name: bytes) -> bytes | None:
        if directory.merges:
            self.unsettled.passed[real] = None
        return super()._passed_through(real, directory, entry_name)

    def _described(self, path: Parts) -> None:
        self.unsettled.passed.pop(path, None)

    def _hide(self, path: Parts, directory: Directory) -> None:
        make_whiteout(directory.fd, path[-1])
        self.unsettled.whiteouts.append(path)

    def _make_opaque(self, path: Parts, directory: Directory) -> None:
        if not path:
            raise NeedsLower
        super()._make_opaque(path, directory)

    def _copy_up(self, directory: Directory, name: bytes) -> bool:
        if directory.merges:
            raise NeedsLower
        return super()._copy_up(directory, name)


def settle(root: int, below: Sequence[int], unsettled: Unsettled) -> None:
    """Finish a layer of `apply_alone`, now that the layers below are known.

    Raises:
        NeedsLower: it has to be unpacked again, by `apply_layer`, into an empty directory.
    """
    with LayerTree(root, below) as tree:
        for path in sorted(unsettled.passed):
            if not path:
                if below:
                    files.set_directory(root, describe_directory(below[0]))
                continue
            if _is_directory(root, path):
                _settle_passed(tree, path)
        for path in unsettled.whiteouts:
            # A later entry may have put something else in the place of either.
            if _is_directory(root, path[:-1]):
                _settle_whiteout(tree.open(path[:-1]), path[-1])


def _is_directory(root: int, path: Parts) -> bool:
    """Whether the layer has a directory there, and no link on the way."""
    try:
        os.close(open_below(root, b"/".join(path)))
    except OSError:
        return False
    return True


def _settle_passed(tree: LayerTree, path: Parts) -> None:
    """Let a directory that the archive does not describe look like the one below."""
    name = path[-1]
    below = tree.open(path[:-1]).below
    seen = look_below(below, name)
    if seen is None:
        return
    if isinstance(seen, bytes) or not stat.S_ISDIR(seen.st_mode):
        raise NeedsLower
    # Not what is merged with it: it may be opaque.
    lower = next(fd for fd in below if lstat(fd, name) is not None)
    source = open_directory(lower, name)
    try:
        description = describe_directory(source)
    finally:
        os.close(source)
    files.set_directory(tree.open(path).fd, description)


def _settle_whiteout(directory: Directory, name: bytes) -> None:
    info = lstat(directory.fd, name)
    if info is None or not is_whiteout(info) or look_below(directory.below, name) is not None:
        return
    times = os.fstat(directory.fd)
    os.unlink(name, dir_fd=directory.fd)
    os.utime(directory.fd, ns=(times.st_atime_ns, times.st_mtime_ns))
