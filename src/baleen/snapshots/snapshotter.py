r"""The contract of a snapshotter: who makes root file systems out of layers.

Terms:
    layer: a committed, immutable directory tree, named by the *chain id* of the layers up to and
        including it. Its parent is another layer.
    draft: a layer that is being unpacked. It has a directory, and becomes a layer by `commit`, or
        nothing by `discard`; a crash leaves nothing visible.
    workspace: a writable root whose changes are to become a layer. A crash leaves nothing of it.
    snapshot: something a container can use as its root: the layers below, and for an *active* one
        a writable directory of its own. It is named by a *key* that the caller chose (never the
        same word as a chain id).

Life cycle::

    draft(parent) --> LayerDraft --commit(chain_id, parent)--> layer --remove_layer()--> gone
                              \--discard()--> gone
    workspace(parent) --> Workspace --commit(chain_id, parent)--> layer, as a draft
                                   \--discard()--> gone
    prepare(key, parent) --> Mounts (writable) --remove(key)--> gone
    view(key, parent) ----> Mounts (read-only) --remove(key)--> gone

Success of a removal means that the thing is gone, not that this call removed it. All calls block
(directory operations; `remove` of a large tree takes as long as the tree is large) and may be made
from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from baleen.oci.digest import Digest

__all__ = ["LayerDraft", "LayerInfo", "Mounts", "Owners", "Snapshotter", "Usage", "Workspace"]


@dataclass(frozen=True, slots=True)
class Mounts:
    """What to mount as one root file system, in the words of the kernel's overlay.

    Attributes:
        lower: directories, top-most first; empty where `upper` is the whole root by itself.
        upper: the writable directory, or None for a read-only view.
        work: overlay's scratch directory beside `upper`, or None.
        user_namespace: descriptor of the one that the lower directories are shown by, with its ids
            in place of theirs (idmapped mounts); -1: they are shown as they are. It stays the
            snapshotter's.

    See: Documentation/filesystems/overlayfs.rst
    """

    lower: tuple[str, ...]
    upper: str | None
    work: str | None
    user_namespace: int = -1


@dataclass(frozen=True, slots=True)
class Owners:
    """Ids of the host that stand for those in layers, for snapshots with remapped ids.

    Attributes:
        user_namespace: descriptor of one with that mapping; open as long as the snapshotter.
        to_host: the host's uid and gid for those of a layer.
    """

    user_namespace: int
    to_host: Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Usage:
    """Disk space of one tree.

    Attributes:
        size_bytes: sum of the blocks given to its files, hard links counted once.
        inodes: number of files and directories.
    """

    size_bytes: int
    inodes: int


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A committed layer.

    Attributes:
        chain_id: its name.
        parent: chain id of the layer below, or None for a base layer.
        path: its directory.
        size_bytes: apparent size of the files it brings.
    """

    chain_id: Digest
    parent: Digest | None
    path: Path
    size_bytes: int


class LayerDraft(Protocol):
    """A layer while it is unpacked; a context manager that discards unless committed.

    Attributes:
        path: the directory to fill.
    """

    @property
    def path(self) -> Path: ...  # noqa: D102

    def commit(self, chain_id: Digest, parent: Digest | None, size_bytes: int) -> LayerInfo:
        """Make it the layer `chain_id` in one step; if that exists by now, that one stays.

        Raises:
            NotFound: the parent does not exist.
        """
        ...

    def discard(self) -> None:
        """Remove what was unpacked; success means that it is gone."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...


class Workspace(LayerDraft, Protocol):
    """A writable root; a context manager that discards unless committed.

    It must not be mounted any more when it is committed or discarded.

    Attributes:
        path: the directory with what was written, in overlay's form where layers are independent;
            else the whole root.
        mounts: how to mount it.
        is_layer: what `path` holds is just what a layer's directory would, so that `commit` is
            right. Else it has to be packed and unpacked again: its ids are the host's, or there are
            things in it that are no changes.
    """

    @property
    def mounts(self) -> Mounts: ...  # noqa: D102
    @property
    def is_layer(self) -> bool: ...  # noqa: D102


class Snapshotter(Protocol):
    """See the module's text for the life cycle.

    Raises:
        NotFound: the parent, or the key, does not exist.
        AlreadyExists: the key is taken.
        ResourceExhausted: no space or inodes; nothing was left behind.

    Attributes:
        driver: its name, as `docker info` shows it: `overlayfs` or `vfs`.
        independent: a layer's directory holds the layer alone, with overlay's marks for what it
            hides, and can be filled before its parent exists. Else a draft begins as a copy of the
            parent, and the layer has to be merged into it.
    """

    @property
    def driver(self) -> str: ...  # noqa: D102
    @property
    def independent(self) -> bool: ...  # noqa: D102

    def start(self) -> None:
        """Read what is on disk and remove the remains of a crash."""
        ...

    def layer(self, chain_id: Digest) -> LayerInfo | None:
        """Return the committed layer, or None."""
        ...

    def layers(self) -> Iterator[LayerInfo]:
        """Return every committed layer, in no order."""
        ...

    def draft(self, parent: Digest | None = None) -> LayerDraft:
        """Begin a layer on top of `parent`.

        Where layers are independent, None is right for a parent that does not exist yet.
        """
        ...

    def workspace(
        self, parent: Digest | None, *, for_processes: bool = False, remapped: bool = False
    ) -> Workspace:
        """Begin a writable root on top of `parent` that can become a layer.

        `for_processes`: it has what containers are mounted on, and may be `remapped`, as by
        `prepare`. The caller makes sure that the parent stays.
        """
        ...

    def lower(self, parent: Digest | None) -> Sequence[Path]:
        """Return the directories of the layers from `parent` down."""
        ...

    def remove_layer(self, chain_id: Digest) -> None:
        """Remove a layer; Conflict if another layer or a snapshot stands on it."""
        ...

    def prepare(self, key: str, parent: Digest | None, *, remapped: bool = False) -> Mounts:
        """Make the writable snapshot `key` on top of the layer `parent` (None: an empty root).

        A `remapped` one has the snapshotter's `Owners`, which has to have them.
        """
        ...

    def view(self, key: str, parent: Digest | None) -> Mounts:
        """Make the read-only snapshot `key`."""
        ...

    def mounts(self, key: str) -> Mounts:
        """Return the mounts of an existing snapshot again."""
        ...

    def keys(self) -> Iterator[str]:
        """Return the keys of all snapshots."""
        ...

    def remove(self, key: str) -> None:
        """Remove the snapshot and what was written in it."""
        ...

    def usage(self, key: str) -> Usage:
        """Measure what was written in the snapshot (0 for a view)."""
        ...

    def sync(self) -> None:
        """Make all committed layers durable against a power loss. May take seconds."""
        ...
