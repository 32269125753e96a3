"""What the container must not see or change of the kernel: sysctls, read-only and masked paths.

See: OCI runtime-spec config-linux.md Sysctl, Masked Paths, Readonly Paths.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from baleen.linux import mount as m
from baleen.linux.path import (
    RESOLVE_BENEATH,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    open_in_root,
    openat2,
)
from baleen.runtime.devices import null_device
from baleen.runtime.failure import LaunchError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd

__all__ = ["mask", "private_proc", "protect", "protect_and_mask", "write_sysctls"]

_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR)
_INSIDE: Final = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV


def private_proc() -> Fd:
    """A procfs of our pid namespace that is mounted nowhere, so nobody else can change it."""
    with m.fsopen("proc") as context:
        try:
            m.fsconfig_create(context.fileno())
        except PermissionError:
            # Without root none can be made for the host's pid namespace. The host's own, of which
            # this is a copy, has not been left yet.
            return m.open_tree("/proc", recursive=True)
        return m.fsmount(context.fileno())


def write_sysctls(sysctls: tuple[tuple[str, str], ...], made: Fd | None = None) -> None:
    """Write (path below /proc/sys, value) pairs, in our namespaces.

    Through a procfs mount of our own that nobody else can reach, so a write cannot be led to
    another file (CVE-2025-52881): that which is `made`, and stays the caller's, or a new one.
    Raises LaunchError.
    """
    if not sysctls:
        return
    with contextlib.nullcontext(made) if made is not None else private_proc() as proc:
        for path, value in sysctls:
            try:
                fd = openat2(proc.fileno(), f"sys/{path}", os.O_WRONLY, resolve=_INSIDE)
                try:
                    os.write(fd, os.fsencode(value))
                finally:
                    os.close(fd)
            except OSError as error:
                message = f"write sysctl {path.replace('/', '.')}={value}: {reason(error)}"
                raise LaunchError("sysctl", error.errno or 0, message, 128) from error


def _open(root: Fd, path: str) -> Fd | None:
    try:
        return open_in_root(root.fileno(), path)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def protect(root: Fd, paths: tuple[str, ...]) -> None:
    """Make existing `paths`, with what is mounted below them, read-only."""
    for path in paths:
        target = _open(root, path)
        if target is None:
            continue
        with target, m.open_tree(directory=target.fileno(), recursive=True) as tree:
            m.mount_setattr(tree.fileno(), set_=m.MOUNT_ATTR_RDONLY, recursive=True)
            m.move_mount(tree.fileno(), target.fileno())


def mask(root: Fd, paths: tuple[str, ...], null: Fd) -> None:
    """Hide existing `paths`: files behind the null device, directories behind an empty tmpfs."""
    source = f"/proc/self/fd/{null.fileno()}"
    for path in paths:
        target = _open(root, path)
        if target is None:
            continue
        with target:
            place = f"/proc/self/fd/{target.fileno()}"
            if stat.S_ISDIR(os.fstat(target.fileno()).st_mode):
                m.mount("tmpfs", place, "tmpfs", m.MS_RDONLY, "mode=755")
            else:
                m.mount(source, place, None, m.MS_BIND)


def protect_and_mask(root: Fd, readonly: tuple[str, ...], masked: tuple[str, ...]) -> None:
    """`protect` the paths `readonly`, then `mask` the paths `masked`."""
    protect(root, readonly)
    if masked:
        with null_device(root) as null:
            mask(root, masked, null)
