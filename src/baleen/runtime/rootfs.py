"""The container's file tree: its root, its mounts, and the change of root.

Runs in the container's own mount namespace, before the host's tree is given up. Every place inside
the container is resolved by openat2(2) below the root's descriptor and mounted on through that
descriptor, so neither an image's symbolic links nor a racing rename in a shared volume can lead a
mount, or a directory made for it, elsewhere (CVE-2021-30465, CVE-2024-45310).

See: OCI runtime-spec config.md Mounts, mount_namespaces(7), pivot_root(2), overlayfs(5).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from baleen.linux import mount as m
from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.files import PROC_SUPER_MAGIC, filesystem_magic
from baleen.linux.overlayfs import OwnerMap, attach_overlay, detached_overlay
from baleen.linux.path import RESOLVE_NO_SYMLINKS, make_directory, make_file, open_in_root
from baleen.runtime.cgroup_mounts import mount_cgroup
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.mount_options import MountOptions, attributes
from baleen.runtime.spec import PROC_ALLOWED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from baleen.runtime.prepare import Rootfs
    from baleen.runtime.spec import Mount

__all__ = [
    "BindSources",
    "attach_root",
    "attach_tree",
    "change_root",
    "mount_all",
    "mount_root",
    "open_bind_sources",
    "open_root",
]

# Places where a symbolic link of the image would put the kernel's file systems, and what is
# written to them, somewhere else (CVE-2019-19921, CVE-2023-27561).
_PLAIN: Final = ("/proc", "/sys", "/dev")
# File systems whose files the policy labels; the context of an mqueue is set once it is there.
_OWN_LABELS: Final = ("proc", "sysfs", "mqueue")
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY
_NOT_THAT_KIND: Final = (
    ": Are you trying to mount a directory onto a file (or vice-versa)?"
    " Check if the specified host path exists and is the expected type"
)

# By the place of the mount in the list.
BindSources = dict[int, Fd]


def _proc_path(fd: Fd) -> str:
    return f"/proc/self/fd/{fd.fileno()}"


def _mount_failure(mount: Mount, error: OSError) -> LaunchError:
    message = (
        f'error mounting "{mount.source or mount.type}" to rootfs at "{mount.destination}":'
        f" {' '.join(getattr(error, '__notes__', ()))}: {reason(error)}"
    )
    if error.errno in (errno.ENOTDIR, errno.EISDIR):
        message += _NOT_THAT_KIND
    return LaunchError("mount", error.errno or 0, message)


def open_bind_sources(
    mounts: tuple[Mount, ...], bundle: str, id_mapped: Mapping[int, int] | None = None
) -> BindSources:
    """Detached copies of the sources of all binds.

    Taken before the propagation of our own tree changes: so a source that is shared on the host
    still is, and one that lies below the future root is not hidden. `id_mapped` gives the user
    namespace for each mount, by its place, whose owners are to be mapped.
    """
    sources: BindSources = {}
    for index, mount in enumerate(mounts):
        if mount.type != "bind" or mount.options.flags & m.MS_REMOUNT:
            continue
        try:
            sources[index] = m.open_tree(
                os.path.join(bundle, mount.source), recursive=mount.options.recursive_bind
            )
            if id_mapped and index in id_mapped:
                _map_ids(sources[index], mount, id_mapped[index])
        except OSError as error:
            raise _mount_failure(mount, error) from error
    return sources


def _map_ids(tree: Fd, mount: Mount, user_namespace: int) -> None:
    try:
        m.mount_setattr(
            tree.fileno(),
            set_=m.MOUNT_ATTR_IDMAP,
            user_namespace=user_namespace,
            recursive=mount.options.recursive_idmap,
        )
    except OSError as error:
        message = f'cannot map the ids of "{mount.source}" at "{mount.destination}"'
        if error.errno == errno.EINVAL:
            message += ": its file system, or one mounted in it, does not support that"
        else:
            message += f": {reason(error)}"
        raise LaunchError("mount", error.errno or 0, message, 128) from error


def _overlay_place(rootfs: Rootfs) -> str:
    return rootfs.work or rootfs.lower[0]


def open_root(rootfs: Rootfs, user_namespace: int = -1, label: str = "") -> Fd:
    """The container's root as a detached mount, private with all that is mounted in it.

    It may leave the caller in a mount namespace of its own, a copy of that it was in.
    `user_namespace` is a descriptor of the container's; it is needed for `rootfs.map_lower`. The
    files of an overlay have the SELinux context `label`, if there is one.
    """
    if rootfs.path is not None:
        root = m.open_tree(rootfs.path, recursive=True)
    else:
        layers, owners = (rootfs.lower, rootfs.upper, rootfs.work), None
        if rootfs.map_lower:
            owners = OwnerMap(user_namespace)
        overlay = detached_overlay(*layers, owners=owners, label=label)
        if overlay is not None:
            return overlay
        ns.unshare(ns.CLONE_NEWNS)
        m.mount(None, "/", None, m.MS_SLAVE | m.MS_REC)
        attach_overlay(*layers, _overlay_place(rootfs), owners=owners, label=label)
        root = m.open_tree(_overlay_place(rootfs))
    m.mount_setattr(root.fileno(), propagation=m.MS_PRIVATE, recursive=True)
    return root


def attach_root(root: Fd, place: str) -> None:
    """Attach a root that `open_root` made over the directory `place`.

    That may be "/": whatever is looked up from the root of a process does not see what lies on it.
    """
    with Fd(os.open(place, _DIRECTORY | os.O_CLOEXEC)) as target:
        m.move_mount(root.fileno(), target.fileno())


def mount_root(rootfs: Rootfs, label: str = "") -> Fd:
    """Attach the container's root in our namespace; returns a directory descriptor of it.

    It lies over a directory of its own (the path itself, or the overlay's work directory), so it
    hides nothing that is still needed.
    """
    if rootfs.path is not None:
        root = open_root(rootfs)
        attach_root(root, rootfs.path)
        return root
    overlay = detached_overlay(rootfs.lower, rootfs.upper, rootfs.work, label=label)
    place = _overlay_place(rootfs)
    if overlay is None:
        attach_overlay(rootfs.lower, rootfs.upper, rootfs.work, place, label=label)
        return Fd(os.open(place, _DIRECTORY | os.O_CLOEXEC))
    attach_root(overlay, place)
    return overlay


def _check_plain(root: Fd, top: str) -> None:
    """Refuse an image whose /proc, /sys or /dev is not a directory of its own."""
    try:
        open_in_root(root.fileno(), top, _DIRECTORY, resolve=RESOLVE_NO_SYMLINKS).close()
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        message = f'filesystem at "{top}" must be mounted on an ordinary directory'
        if error.errno == errno.ELOOP:
            message += f", but {top} of the image is a symbolic link"
        raise LaunchError("mount", error.errno, message, 128) from error


def _target(root: Fd, mount: Mount, *, directory: bool) -> tuple[Fd, int | None]:
    """The place to mount on, made if missing; with the mode that a directory there had before."""
    mode: int | None = None
    try:
        target = open_in_root(root.fileno(), mount.destination)
    except FileNotFoundError:
        make = make_directory if directory else make_file
        target = make(root.fileno(), mount.destination)
    else:
        mode = os.fstat(target.fileno()).st_mode
        if stat.S_ISDIR(mode) != directory:
            target.close()
            number = errno.ENOTDIR if directory else errno.EISDIR
            failed = OSError(number, os.strerror(number), mount.destination)
            failed.add_note("mount")
            raise failed
    # Whatever links led here: nothing may lie over a part of /proc but what lxcfs offers.
    if (
        mount.destination not in PROC_ALLOWED
        and filesystem_magic(target.fileno()) == PROC_SUPER_MAGIC
    ):
        target.close()
        message = f'"{mount.destination}" cannot be mounted because it is inside /proc'
        raise LaunchError("mount", 0, message, 128)
    return target, mode


def _propagate(tree: Fd, options: MountOptions) -> None:
    for flags in options.propagation:
        m.mount_setattr(
            tree.fileno(), propagation=flags & ~m.MS_REC, recursive=bool(flags & m.MS_REC)
        )


def _mount_bind(root: Fd, mount: Mount, tree: Fd) -> None:
    fd, options = tree.fileno(), mount.options
    is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
    # Without a word about it a bind gets the host's events but sends none, as with runc.
    m.mount_setattr(fd, propagation=m.MS_SLAVE if not options.propagation else 0, recursive=True)
    on, off = attributes(options)
    if on or off:
        m.mount_setattr(fd, set_=on, clear=off)
    if options.recursive_set or options.recursive_clear:
        m.mount_setattr(
            fd, set_=options.recursive_set, clear=options.recursive_clear, recursive=True
        )
    _propagate(tree, options)
    target, _ = _target(root, mount, directory=is_directory)
    with target:
        m.move_mount(fd, target.fileno())


def _mount_filesystem(root: Fd, mount: Mount, label: str) -> bool:
    """Mount a new file system; returns whether it still has to be made read-only."""
    options = mount.options
    target, mode = _target(root, mount, directory=True)
    flags, data, later = options.flags, options.data, False
    if mount.type == "tmpfs":
        # Other mounts may need places in it; and it keeps the mode of the directory it covers.
        later, flags = bool(flags & m.MS_RDONLY), flags & ~m.MS_RDONLY
        if mode is not None and "mode=" not in data:
            data = f"{data},mode={stat.S_IMODE(mode):o}".lstrip(",")
    if label and mount.type not in _OWN_LABELS and "context=" not in data:
        data = f'{data},context="{label}"'.lstrip(",")
    with target:
        m.mount(mount.source or mount.type, _proc_path(target), mount.type, flags, data or None)
        if label and mount.type == "mqueue":
            from baleen.linux.lsm import set_context  # loaded when the document was read

            with open_in_root(root.fileno(), mount.destination, _DIRECTORY) as mounted:
                set_context(mounted.fileno(), label)
        if options.copy_up:
            _copy_up(root, mount, target)
    if options.propagation:
        with open_in_root(root.fileno(), mount.destination, _DIRECTORY) as mounted:
            _propagate(mounted, options)
    return later


def _copy_up(root: Fd, mount: Mount, hidden: Fd) -> None:
    """Copy into the new tmpfs what is in the directory that it hides."""
    from baleen.runtime.copy_up import copy_tree  # loaded when the document was read

    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    old = os.open(".", flags, dir_fd=hidden.fileno())
    try:
        with open_in_root(root.fileno(), mount.destination, flags) as new:
            copy_tree(old, new.fileno())
    except OSError as error:
        error.add_note("tmpcopyup")
        raise
    finally:
        os.close(old)


def _remount(root: Fd, mount: Mount) -> None:
    """Change a mount that an earlier entry, or the root's own tree, has made."""
    options = mount.options
    with open_in_root(root.fileno(), mount.destination) as target:
        if mount.type == "bind":
            on, off = attributes(options)
            m.mount_setattr(target.fileno(), set_=on, clear=off)
        else:
            flags, data = options.flags, options.data or None
            m.mount(mount.source or None, _proc_path(target), mount.type or None, flags, data)
        _propagate(target, options)


def attach_tree(root: Fd, mount: Mount, tree: Fd) -> None:
    """Attach a detached mount that was made ahead in place of `mount`, of one of the _PLAIN tops.

    Raises LaunchError naming source and destination.
    """
    try:
        _check_plain(root, mount.destination)
        target, _ = _target(root, mount, directory=True)
        with target:
            m.move_mount(tree.fileno(), target.fileno())
    except OSError as error:
        raise _mount_failure(mount, error) from error


def mount_all(
    root: Fd,
    mounts: tuple[Mount, ...],
    sources: BindSources,
    *,
    own_cgroup_namespace: bool,
    label: str = "",
    made: tuple[Mount, ...] = (),
) -> list[str]:
    """Make the mounts in their order; returns destinations to be made read-only at the end.

    New file systems whose files have no labels of their own get the SELinux context `label`. Those
    `made` are there already. Consumes `sources`. Raises LaunchError naming source and destination.
    """
    read_only = []
    checked = set()
    for index, mount in enumerate(mounts):
        if mount in made:
            continue
        top = "/" + mount.destination.split("/", 2)[1]
        try:
            if top in _PLAIN and top not in checked:
                _check_plain(root, top)
                checked.add(top)
            if mount.options.flags & m.MS_REMOUNT:
                _remount(root, mount)
            elif mount.type == "bind":
                with sources.pop(index) as tree:
                    _mount_bind(root, mount, tree)
            elif mount.type == "cgroup":
                target, _ = _target(root, mount, directory=True)
                with target:
                    mount_cgroup(target, mount, own_namespace=own_cgroup_namespace)
            elif _mount_filesystem(root, mount, label):
                read_only.append(mount.destination)
        except OSError as error:
            raise _mount_failure(mount, error) from error
    return read_only


def make_read_only(root: Fd, destinations: list[str]) -> None:
    """Make mounts inside the container read-only, now that all places in them exist."""
    for destination in destinations:
        with open_in_root(root.fileno(), destination, _DIRECTORY) as mounted:
            m.mount_setattr(mounted.fileno(), set_=m.MOUNT_ATTR_RDONLY)


def change_root(root: Fd, *, read_only: bool, propagation: int | None, pivot: bool = True) -> None:
    """Make `root` our only tree: afterwards nothing of the host's is reachable by a path.

    Without `pivot` the file system that the machine has booted from stays below it, out of reach
    but for whoever may call chroot(2): for hosts that run in a ramdisk, which cannot be detached.
    """
    if read_only:
        m.mount_setattr(root.fileno(), set_=m.MOUNT_ATTR_RDONLY)
    os.fchdir(root.fileno())
    if pivot:
        # pivot_root(2), NOTES: with both names ".", the old root lies over the new one and is the
        # current directory, so the following umount takes it away.
        m.pivot_root(".", ".")
        m.umount2(".", m.MNT_DETACH)
    else:
        _detach_others(os.getcwd())
        m.mount(".", "/", None, m.MS_MOVE)
        os.chroot(".")
    os.chdir("/")
    if propagation is not None:
        # Not earlier: pivot_root refuses a shared mount. Not recursively: binds have their own.
        m.mount_setattr(root.fileno(), propagation=propagation & ~m.MS_REC)


def _detach_others(own: str) -> None:
    """Detach every mount of the host's that neither is below `own` nor has it below itself."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [m.unescape(line.split(" ", 5)[4]) for line in file]
    for point in reversed(points):
        if point == "/" or f"{own}/".startswith(f"{point}/") or point.startswith(f"{own}/"):
            continue
        with contextlib.suppress(OSError):  # gone with the one that it was on
            m.umount2(point, m.MNT_DETACH)
