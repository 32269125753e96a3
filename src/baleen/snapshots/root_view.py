"""A container's root file system as one descriptor, without a mount that anybody can see.

A running container's root is its process' own, with all its volumes. Of a stopped one the union
of its layers is mounted *detached* (fsmount(2) without move_mount(2)): it is in no mount
namespace, and the kernel takes it away when the descriptor is closed, even by our death.

See: fsopen(2), fsmount(2), open_tree(2); Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition, Internal
from baleen.linux.fd import Fd
from baleen.linux.mount import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
    mount,
    mount_setattr,
    open_tree,
)
from baleen.linux.namespaces import CLONE_NEWNS, unshare
from baleen.linux.overlayfs import (
    OwnerMap,
    attach_overlay,
    detached_overlay,
    mapped_directory,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.snapshots.snapshotter import Mounts

__all__ = ["live_root", "read_only_view", "writable_view"]

_NO_DEVICES = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID


def live_root(pid: int) -> Fd:
    """Return the root directory of a running process (OSError: it has ended)."""
    return Fd(os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))


def read_only_view(mounts: Mounts, *, image_only: bool = False) -> Fd:
    """Return what a container made of `mounts` would see, its own changes included.

    With `image_only`, only the image's layers. Safe while the container runs: its writable
    directory takes part as one more lower layer.
    """
    lower: list[str] = list(mounts.lower)
    spared = 0
    if mounts.upper is not None and not image_only:
        lower.insert(0, mounts.upper)
        spared = 1
    attributes = MOUNT_ATTR_RDONLY | _NO_DEVICES
    if not lower:
        raise FailedPrecondition("the storage driver keeps a container's root in one piece")
    if len(lower) == 1:
        if mounts.user_namespace >= 0:
            return mapped_directory(lower[0], mounts.user_namespace, attributes)
        return Fd(os.open(lower[0], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return _overlay(lower, None, None, attributes, _owners(mounts, spared))


def writable_view(mounts: Mounts) -> Fd:
    """Return the root of a stopped container, for writing into its own layer.

    The caller makes sure that the container is not started meanwhile: two overlays with one
    upper directory have no defined behaviour.
    """
    if not mounts.lower and mounts.upper is not None:
        return Fd(os.open(mounts.upper, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return _overlay(mounts.lower, mounts.upper, mounts.work, _NO_DEVICES, _owners(mounts, 0))


def _owners(mounts: Mounts, spared: int) -> OwnerMap | None:
    return None if mounts.user_namespace < 0 else OwnerMap(mounts.user_namespace, spared)


def _overlay(
    lower: Sequence[str],
    upper: str | None,
    work: str | None,
    attributes: int,
    owners: OwnerMap | None,
) -> Fd:
    try:
        return detached_overlay(lower, upper, work, attributes, owners) or _by_own_namespace(
            lower, upper, work, attributes, owners
        )
    except OSError as err:
        raise Internal(f"cannot mount the container's layers: {err}") from err


def _by_own_namespace(
    lower: Sequence[str],
    upper: str | None,
    work: str | None,
    attributes: int,
    owners: OwnerMap | None,
) -> Fd:
    """Make the view in a thread with a mount namespace of its own, which ends with the thread.

    So nobody sees the mount that kernels before 6.7 need, and nothing has to be undone.
    """
    result: Future[Fd] = Future()

    def make() -> None:
        place = work or lower[0]
        try:
            unshare(CLONE_NEWNS)
            mount(None, "/", None, MS_PRIVATE | MS_REC)
            attach_overlay(lower, upper, work, place, owners=owners)
            with ExitStack() as undo:
                view = undo.enter_context(open_tree(place))
                mount_setattr(view.fileno(), set_=attributes)
                undo.pop_all()
        except BaseException as err:  # raised by the caller
            result.set_exception(err)
        else:
            result.set_result(view)

    thread = threading.Thread(target=make, name="layers")
    thread.start()
    thread.join()
    return result.result()
