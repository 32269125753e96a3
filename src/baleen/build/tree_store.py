"""Trees on disk: looking at one, and making the next one out of it.

    with store.open_tree(tree) as root:            # a read-only directory descriptor
        ...
    with store.draft(tree, lease) as draft:        # draft.root: a writable one
        ...
        after = draft.commit()                     # one layer more; else all is discarded

A root is a union of the tree's layers that is in nobody's mount namespace. What was written becomes
a layer by a rename: its archive is packed and hashed once, for the blob, and never unpacked again
here. That needs a snapshotter of independent layers (overlay) and the ids of the image; for all
else (vfs; processes in a user namespace) the blob is unpacked as a pulled one is.

A step that changes nothing gives a layer too, an empty archive: as BuildKit and the classic builder
have it.

Calls block, and may be made from any thread. Garbage of images must be held off by the caller from
the first use of a tree to the last (`ImageStore` does that while an image is made).
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from baleen.archive.clamp import clamp_times
from baleen.archive.compare import ADDED, compare_trees
from baleen.archive.pack import pack_changes, pack_differences
from baleen.archive.tree import DIRECTORY
from baleen.build.trees import Tree
from baleen.images.image import Variant
from baleen.images.layering import store_archive
from baleen.images.unpack import is_unpacked
from baleen.images.unpacking import unpack_missing
from baleen.linux import mount
from baleen.linux.fd import Fd
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.image import ImageConfig, RootFs, chain_ids
from baleen.oci.manifest import Manifest
from baleen.oci.media_types import OCI_CONFIG
from baleen.snapshots.root_view import read_only_view, writable_view
from baleen.snapshots.snapshotter import Mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from baleen.content.store import ContentStore, Lease
    from baleen.images.unpacking import Unpacking
    from baleen.snapshots.snapshotter import Snapshotter, Workspace

    Ids = Callable[[int, int], tuple[int, int]]

__all__ = ["Draft", "Remapped", "TreeStore"]

_READ_ONLY = mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOSUID
# What a root of one piece has beside the image's files, see `snapshots.base_layer`.
_MADE = frozenset(
    {
        *(b".dockerenv", b"dev", b"proc", b"sys", b"etc"),
        *(b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"),
    }
)


@dataclass(frozen=True, slots=True)
class Remapped:
    """The ids of processes in a user namespace.

    Attributes:
        to_host: the host's ids of a container's.
        to_container: the way back.
    """

    to_host: Ids
    to_container: Ids


class TreeStore:
    """See the module's text.

    Args:
        content: blobs of layers.
        snapshotter: unpacked layers.
        unpacking: `ImageStore.unpacking`, so that no layer is unpacked twice at the same time.
    """

    def __init__(
        self,
        content: ContentStore,
        snapshotter: Snapshotter,
        unpacking: Callable[[Variant], AbstractContextManager[Unpacking]],
    ) -> None:
        self._content = content
        self._snapshotter = snapshotter
        self._unpacking = unpacking

    def unpack(self, tree: Tree) -> Digest | None:
        """See that all layers are on disk; return the chain id of the top one (None: no layers).

        Raises:
            DataLoss: a blob is missing, malformed, or not what its diff id says.
            ResourceExhausted: no space.
        """
        variant = _variant(tree)
        if not is_unpacked(self._snapshotter, variant):
            with self._unpacking(variant) as unpacking:
                for _ in unpack_missing(unpacking):
                    pass
        return variant.chain_ids[-1] if variant.chain_ids else None

    def is_unpacked(self, tree: Tree) -> bool:
        """Whether all layers are on disk, so that `open_tree` is quick."""
        return is_unpacked(self._snapshotter, _variant(tree))

    def archive(self, layer: Descriptor) -> Iterator[bytes]:
        """Return the blob of a layer in pieces, as it is stored.

        Raises:
            NotFound, DataLoss: it is not there, or damaged.
        """
        return self._content.chunks(layer.digest)

    def open_tree(self, tree: Tree) -> Fd:
        """Return the root directory of the tree, for reading only; the caller closes it.

        Raises:
            as `unpack`; Internal: the layers cannot be mounted.
        """
        chain_id = self.unpack(tree)
        if chain_id is None:
            return _empty()
        lower = self.lower(chain_id)
        if not self._snapshotter.independent or len(lower) == 1:
            return _bound(lower[0])
        return read_only_view(Mounts(lower, None, None))

    def draft(
        self,
        tree: Tree,
        lease: Lease,
        *,
        for_processes: bool = False,
        remapped: Remapped | None = None,
    ) -> Draft:
        """Begin a tree on top of this one. Its blob will be held by `lease`.

        `for_processes`: the runtime mounts it, by `mounts`. It has what containers are mounted on,
        and the ids of processes in a user namespace if `remapped`.

        Raises:
            as `unpack`.
        """
        chain_id = self.unpack(tree)
        workspace = self._snapshotter.workspace(
            chain_id, for_processes=for_processes, remapped=remapped is not None
        )
        return Draft(self, tree, workspace, lease, remapped)

    def lower(self, chain_id: Digest) -> tuple[str, ...]:
        """Return the directories of the layers that `unpack` has named, top first."""
        return tuple(str(path) for path in self._snapshotter.lower(chain_id))

    @contextmanager
    def directory(self) -> Iterator[Path]:
        """Give an empty directory on the disk of the layers, which is gone behind the block."""
        with self._snapshotter.draft() as draft:
            yield draft.path

    def commit(
        self,
        tree: Tree,
        workspace: Workspace,
        lease: Lease,
        epoch_ns: int | None,
        remapped: Remapped | None,
    ) -> Tree:
        """Make what is in the workspace a layer on `tree`; see `Draft.commit`."""
        parent = _top(tree)
        sizes: list[int] = []
        with ExitStack() as stack:
            top = stack.enter_context(Fd(os.open(workspace.path, DIRECTORY)))
            if epoch_ns is not None:
                clamp_times(top.fileno(), epoch_ns)
            chunks = self._packed(top, parent, remapped, sizes)
            descriptor, diff_id = store_archive(self._content, lease, chunks)
        after = Tree((*tree.layers, descriptor), (*tree.diff_ids, diff_id))
        if workspace.is_layer:
            chain_id = _top(after)
            assert chain_id is not None
            workspace.commit(chain_id, parent, sum(sizes))
        return after

    def _packed(
        self, top: Fd, parent: Digest | None, remapped: Remapped | None, sizes: list[int]
    ) -> Iterator[bytes]:
        again = Fd(os.dup(top.fileno()))
        to_container = None if remapped is None else remapped.to_container
        if self._snapshotter.independent:
            return pack_changes(again, owners=to_container, on_file=sizes.append)
        to_host = None if remapped is None else remapped.to_host
        kinds = self._differences(top, parent, to_host)
        return pack_differences(again, kinds, owners=to_container)

    def _differences(
        self, top: Fd, parent: Digest | None, to_host: Ids | None
    ) -> Mapping[bytes, int]:
        with ExitStack() as stack:
            path: Path | str
            if parent is None:
                path = f"/proc/self/fd/{stack.enter_context(_empty()).fileno()}/."
            else:
                (path, *_) = self._snapshotter.lower(parent)
            old = stack.enter_context(Fd(os.open(path, DIRECTORY)))
            kinds = compare_trees(old.fileno(), top.fileno(), to_host)
        busy = {path.partition(b"/")[0] for path in kinds if path not in _MADE}
        return {
            path: kind
            for path, kind in kinds.items()
            if kind != ADDED or path not in _MADE or path in busy
        }


class Draft:
    """A tree while it is made; a context manager that discards unless committed.

    Attributes:
        mounts: how the runtime mounts it; nobody else may have it mounted then.
    """

    def __init__(
        self,
        store: TreeStore,
        tree: Tree,
        workspace: Workspace,
        lease: Lease,
        remapped: Remapped | None,
    ) -> None:
        self._store = store
        self._tree = tree
        self._workspace = workspace
        self._lease = lease
        self._remapped = remapped
        self._root: Fd | None = None

    @property
    def mounts(self) -> Mounts:
        """See the class."""
        return self._workspace.mounts

    @property
    def root(self) -> Fd:
        """The writable root directory, mounted at the first use; it is the draft's."""
        if self._root is None:
            self._root = writable_view(self.mounts)
        return self._root

    def commit(self, *, epoch_ns: int | None = None) -> Tree:
        """Return the tree with what was written as its top layer; the draft is used up.

        With `epoch_ns`, no file of the layer is newer than that.

        Raises:
            ResourceExhausted: no space.
            FailedPrecondition: the kernel's overlay is set to write what no layer can hold.
        """
        self._unmount()
        after = self._store.commit(
            self._tree, self._workspace, self._lease, epoch_ns, self._remapped
        )
        self._workspace.discard()
        return after

    def discard(self) -> None:
        """Remove what was written; success means that it is gone."""
        self._unmount()
        self._workspace.discard()

    def _unmount(self) -> None:
        if self._root is not None:
            self._root.close()
            self._root = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()


def _top(tree: Tree) -> Digest | None:
    chain = chain_ids(tree.diff_ids)
    return chain[-1] if chain else None


def _variant(tree: Tree) -> Variant:
    """Return the tree as an image of nothing but layers, which is what unpacking takes."""
    config = ImageConfig(
        architecture="", os="", rootfs=RootFs(type="layers", diff_ids=list(tree.diff_ids))
    )
    manifest = Manifest(schema_version=2, config=_NO_CONFIG, layers=list(tree.layers))
    return Variant(_NO_CONFIG, manifest, config, chain_ids(tree.diff_ids))


_NO_CONFIG = Descriptor(media_type=OCI_CONFIG, digest=Digest.of(b"{}"), size=2)


def _bound(path: str) -> Fd:
    """Return the directory as a mount of its own, so that it can be read-only."""
    tree = mount.open_tree(path)
    try:
        mount.mount_setattr(tree.fileno(), set_=_READ_ONLY)
    except BaseException:
        tree.close()
        raise
    return tree


def _empty() -> Fd:
    """Return an empty read-only directory."""
    with mount.fsopen("tmpfs") as context:
        mount.fsconfig_create(context.fileno())
        return mount.fsmount(context.fileno(), _READ_ONLY)
