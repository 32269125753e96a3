"""A container's root file system as one descriptor, without a mount that anybody can see.

A running container's root is its process' own, with all its volumes. Of a stopped one the union
of its layers is mounted *detached* (fsmount(2) without move_mount(2)): it is in no mount
namespace, and the kernel takes it away when the descriptor is closed, even by our death.

See: fsopen(2), fsmount(2); Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from baleen.errors import Internal
from baleen.linux.fd import Fd
from baleen.linux.mount import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    fsconfig_create,
    fsconfig_string,
    fsmount,
    fsopen,
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
    if mounts.upper is not None and not image_only:
        lower.insert(0, mounts.upper)
    if len(lower) == 1:
        return Fd(os.open(lower[0], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return _overlay(lower, None, None, MOUNT_ATTR_RDONLY | _NO_DEVICES)


def writable_view(mounts: Mounts) -> Fd:
    """Return the root of a stopped container, for writing into its own layer.

    The caller makes sure that the container is not started meanwhile: two overlays with one
    upper directory have no defined behaviour.
    """
    return _overlay(mounts.lower, mounts.upper, mounts.work, _NO_DEVICES)


def _overlay(lower: Sequence[str], upper: str | None, work: str | None, attributes: int) -> Fd:
    try:
        with fsopen("overlay") as context:
            _add_lower(context, lower)
            if upper is not None and work is not None:
                fsconfig_string(context.fileno(), "upperdir", upper)
                fsconfig_string(context.fileno(), "workdir", work)
            fsconfig_create(context.fileno())
            return fsmount(context.fileno(), attributes)
    except OSError as err:
        raise Internal(f"cannot mount the container's layers: {err}") from err


def _add_lower(context: Fd, lower: Sequence[str]) -> None:
    """Add the lower directories one by one (Linux 6.5), or all in one option before that."""
    try:
        for directory in lower:
            fsconfig_string(context.fileno(), "lowerdir+", directory)
    except OSError:
        fsconfig_string(context.fileno(), "lowerdir", ":".join(lower))
