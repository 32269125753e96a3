"""Device nodes, their customary links, and the console.

See: OCI runtime-spec config-linux.md Default Devices and Devices, runtime-linux.md Dev symbolic
links; mknod(2).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from baleen.linux import mount as m
from baleen.linux.fd import Fd
from baleen.linux.path import RESOLVE_NO_SYMLINKS, make_directory, open_in_root
from baleen.linux.pty import open_pair
from baleen.runtime.failure import LaunchError
from baleen.runtime.spec import Device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from baleen.runtime.spec import Mount

__all__ = ["bind_console", "make_devices", "null_device", "open_nodes", "open_terminal"]

NULL: Final = os.makedev(1, 3)
DEFAULT_DEVICES: Final = (
    Device("/dev/null", "c", 1, 3),
    Device("/dev/zero", "c", 1, 5),
    Device("/dev/full", "c", 1, 7),
    Device("/dev/random", "c", 1, 8),
    Device("/dev/urandom", "c", 1, 9),
    Device("/dev/tty", "c", 5, 0),
)
_LINKS: Final = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
_TYPES: Final = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def _make_node(parent: int, name: str, device: Device) -> None:
    """Make one node; one that is there already must be the same, else LaunchError."""
    kind = _TYPES[device.type]
    number = 0 if device.type == "p" else os.makedev(device.major, device.minor)
    try:
        os.mknod(name, kind | device.file_mode, number, dir_fd=parent)
    except FileExistsError as error:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_IFMT(found.st_mode) != kind or (device.type != "p" and found.st_rdev != number):
            message = f"device {device.path}: the image has another file there"
            raise LaunchError("devices", errno.EEXIST, message, 128) from error
    if device.uid or device.gid:
        os.chown(name, device.uid, device.gid, dir_fd=parent, follow_symlinks=False)


def _wanted(mounts: Iterable[Mount], devices: tuple[Device, ...]) -> list[Device] | None:
    """The devices to make, None if /dev is a bind of the host's directory."""
    if any(mount.destination == "/dev" and mount.type == "bind" for mount in mounts):
        return None
    wanted = {device.path: device for device in (*DEFAULT_DEVICES, *devices)}
    wanted.pop("/dev/ptmx", None)
    return list(wanted.values())


def open_nodes(mounts: Iterable[Mount], devices: tuple[Device, ...]) -> dict[str, Fd]:
    """The host's own nodes as detached mounts, by path, for where none can be made.

    Owner and mode are the host's. Raises LaunchError for a device that the host has not at the
    same path.
    """
    nodes: dict[str, Fd] = {}
    for device in _wanted(mounts, devices) or ():
        if device.type == "p":
            continue
        message = (
            f"device {device.path}: the host has no such node, and a user namespace makes none"
        )
        try:
            node = m.open_tree(device.path)
        except FileNotFoundError as error:
            raise LaunchError("devices", errno.ENOENT, message, 128) from error
        found = os.fstat(node.fileno())
        number = os.makedev(device.major, device.minor)
        if (stat.S_IFMT(found.st_mode), found.st_rdev) != (_TYPES[device.type], number):
            raise LaunchError("devices", 0, message, 128)
        m.mount_setattr(node.fileno(), propagation=m.MS_PRIVATE)
        nodes[device.path] = node
    return nodes


def _bind_node(parent: int, name: str, node: Fd) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        os.close(os.open(name, flags, 0o600, dir_fd=parent))
    place = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    with node, Fd(os.open(name, place, dir_fd=parent)) as target:
        m.move_mount(node.fileno(), target.fileno())


def make_devices(
    root: Fd,
    mounts: Iterable[Mount],
    devices: tuple[Device, ...],
    nodes: dict[str, Fd] | None = None,
) -> None:
    """Make the default devices, those of the spec, and the links in /dev.

    A /dev that is a bind of the host's directory is left as it is. `nodes` are bound, and closed,
    instead of making such. The umask must be 0. Raises LaunchError when the image's /dev is a
    symbolic link (CVE-2026-41579).
    """
    wanted = _wanted(mounts, devices)
    if wanted is None:
        return
    with _device_directory(root) as dev:
        for device in wanted:
            head, _, name = device.path.rpartition("/")
            if head == "/dev":
                _place(dev.fileno(), name, device, nodes)
            else:
                with make_directory(root.fileno(), head or "/") as parent:
                    _place(parent.fileno(), name, device, nodes)
        _make_links(root, dev)


def _place(parent: int, name: str, device: Device, nodes: dict[str, Fd] | None) -> None:
    if nodes and device.path in nodes:
        _bind_node(parent, name, nodes[device.path])
    else:
        _make_node(parent, name, device)


def _device_directory(root: Fd) -> Fd:
    try:
        make_directory(root.fileno(), "/dev").close()
        return open_in_root(
            root.fileno(), "/dev", os.O_RDONLY | os.O_DIRECTORY, resolve=RESOLVE_NO_SYMLINKS
        )
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        message = "/dev of the image is not an ordinary directory"
        raise LaunchError("devices", error.errno, message, 128) from error


def _make_links(root: Fd, dev: Fd) -> None:
    for name, target in _LINKS:
        with contextlib.suppress(FileExistsError):
            os.symlink(target, name, dir_fd=dev.fileno())
    # kcore is there only with CONFIG_PROC_KCORE and a /proc.
    with contextlib.suppress(FileNotFoundError):
        open_in_root(root.fileno(), "/proc/kcore").close()
        with contextlib.suppress(FileExistsError):
            os.symlink("/proc/kcore", "core", dir_fd=dev.fileno())
    try:
        os.symlink("pts/ptmx", "ptmx", dir_fd=dev.fileno())
    except FileExistsError:
        # Another ptmx would open terminals of another devpts than the container's.
        os.unlink("ptmx", dir_fd=dev.fileno())
        os.symlink("pts/ptmx", "ptmx", dir_fd=dev.fileno())


def null_device(root: Fd) -> Fd:
    """An O_PATH descriptor that certainly is the null device (CVE-2025-31133).

    The container's own if it is genuine, else the host's. Raises LaunchError if neither is.
    """
    flags = os.O_PATH | os.O_NOFOLLOW
    for directory, path in ((root.fileno(), "/dev/null"), (None, "/dev/null")):
        try:
            if directory is None:
                fd = Fd(os.open(path, flags | os.O_CLOEXEC))
            else:
                fd = open_in_root(directory, path, flags)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise
            continue
        found = os.fstat(fd.fileno())
        if stat.S_ISCHR(found.st_mode) and found.st_rdev == NULL:
            return fd
        fd.close()
    raise LaunchError("devices", 0, "/dev/null is not the null device (char 1:3)", 128)


def open_terminal(root: int) -> tuple[Fd, Fd]:
    """(master, slave) of a new terminal in the devpts at /dev/pts inside `root`."""
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY
        with open_in_root(root, "/dev/pts", flags, resolve=RESOLVE_NO_SYMLINKS) as devpts:
            return open_pair(devpts.fileno())
    except OSError as error:
        message = f"cannot open a terminal in /dev/pts of the container: {error.strerror}"
        raise LaunchError("terminal", error.errno or 0, message, 128) from error


def bind_console(root: Fd, slave: Fd) -> None:
    """Bind the very terminal that `slave` has open onto /dev/console (CVE-2025-52565)."""
    with _device_directory(root) as dev:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(FileExistsError):
            os.close(os.open("console", flags, 0o600, dir_fd=dev.fileno()))
        place = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            m.open_tree(directory=slave.fileno()) as tree,
            Fd(os.open("console", place, dir_fd=dev.fileno())) as target,
        ):
            m.mount_setattr(tree.fileno(), propagation=m.MS_PRIVATE)
            m.move_mount(tree.fileno(), target.fileno())
