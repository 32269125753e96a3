"""/proc, /sys and /dev of a container, made ahead of its root.

What is mounted there is the same for nearly every container and needs no more than its namespaces:
file systems, device nodes, what is masked or read-only. A PID 1 made ahead makes all of it in a
mount namespace of the moment, keeps the three trees as detached mounts, and goes back to the one of
the host. When the root is there they are attached to it.

This is only done where it gives what the mounts in their own order would give: the other mounts lie
elsewhere, and no symbolic link of the image leads them into one of the three.

See: open_tree(2) OPEN_TREE_CLONE, `init_process`, `warm`.
"""

from __future__ import annotations

import contextlib
import errno
import os

from baleen.errors import BaleenError
from baleen.linux import mount as m
from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.path import RESOLVE_NO_SYMLINKS, open_in_root
from baleen.linux.record import record
from baleen.linux.user_namespace import in_first_user_namespace
from baleen.runtime import devices, masks, rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.spec import Device, Mount, Spec

__all__ = ["TreePlan", "WarmTree", "make_tree", "tree_plan"]

_TOPS: Final = ("/proc", "/sys", "/dev")
_CGROUP: Final = "/sys/fs/cgroup"
# By place, the file systems that need nothing of the image, the host's tree, or the container.
_KINDS: Final = {
    "/proc": "proc",
    "/sys": "sysfs",
    "/dev": "tmpfs",
    "/dev/pts": "devpts",
    "/dev/mqueue": "mqueue",
    "/dev/shm": "tmpfs",  # noqa: S108
    _CGROUP: "cgroup",
}
# Others may mount there: no node and nothing that is masked is below it.
_FREE: Final = ("/dev/shm", "/dev/mqueue", _CGROUP)  # noqa: S108
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY


@record(frozen=True, slots=True)
class TreePlan:
    """What is made ahead, as the spec has it; trees fit a container if the plans are equal."""

    mounts: tuple[Mount, ...]
    devices: tuple[Device, ...]
    readonly: tuple[str, ...]
    masked: tuple[str, ...]


def _is_eligible(mount: Mount) -> bool:
    options = mount.options
    return (
        _KINDS.get(mount.destination) == mount.type
        and not (options.propagation or options.copy_up or options.remount)
        and (mount.type != "tmpfs" or "mode=" in options.data)
    )


def _inside(path: str) -> bool:
    return path.startswith(tuple(f"{top}/" for top in _TOPS))


def tree_plan(spec: Spec, *, has_group: bool) -> TreePlan | None:
    """What can be made ahead for such a container; None: nothing.

    `has_group`: PID 1 is in the container's control group already, so that its view can be mounted.
    """
    if spec.mount_label or "user" in spec.namespaces:
        return None
    chosen = tuple(
        mount
        for mount in spec.mounts
        if _is_eligible(mount) and (has_group or mount.type != "cgroup")
    )
    places = [mount.destination for mount in chosen]
    others = [mount.destination for mount in spec.mounts if mount not in chosen]
    if (
        len({*places, *others}) != len(spec.mounts)
        or not set(_TOPS) <= set(places)
        or any(place in _TOPS or (_inside(place) and place not in _FREE) for place in others)
        or any(mount.options.remount for mount in spec.mounts)
    ):
        return None
    elsewhere = tuple(f"{place}/" for place in (*_FREE, "/dev/pts"))
    if any(
        not device.path.startswith("/dev/") or device.path.startswith(elsewhere)
        for device in spec.devices
    ):
        return None
    readonly, masked = spec.readonly_paths, spec.masked_paths
    if any(not _inside(path) or path.startswith("/dev/") for path in (*readonly, *masked)):
        return None
    if _CGROUP in others and any(
        f"{_CGROUP}/".startswith(f"{path}/") or path.startswith(f"{_CGROUP}/")
        for path in (*readonly, *masked)
    ):
        return None
    return TreePlan(chosen, spec.devices, readonly, masked)


class WarmTree:
    """The three trees, detached; owned until `attach`.

    Attributes:
        proc: one more procfs, for us alone, see `masks.private_proc`; open until execve.
    """

    def __init__(self, plan: TreePlan, trees: dict[str, Fd], proc: Fd) -> None:
        self.plan = plan
        self.proc = proc
        self._trees = trees

    def close(self) -> None:
        """Let the trees go."""
        for tree in self._trees.values():
            tree.close()

    def fits(self, spec: Spec, root: Fd, *, has_group: bool) -> bool:
        """Whether they are what `spec` asks for, on the image that `root` is."""
        if tree_plan(spec, has_group=has_group) != self.plan:
            return False
        return not any(
            _has_link(root, mount.destination)
            for mount in spec.mounts
            if mount not in self.plan.mounts and not _inside(mount.destination)
        )

    def attach(self, root: Fd) -> None:
        """Attach them where they belong, and close them. Raises LaunchError."""
        by_place = {mount.destination: mount for mount in self.plan.mounts}
        for top, tree in self._trees.items():
            with tree:
                rootfs.attach_tree(root, by_place[top], tree)


def _has_link(root: Fd, path: str) -> bool:
    """Whether a symbolic link is on the way to `path`, as far as that exists."""
    try:
        open_in_root(root.fileno(), path, resolve=RESOLVE_NO_SYMLINKS).close()
    except OSError as error:
        return error.errno not in (errno.ENOENT, errno.ENOTDIR)
    return False


def make_tree(plan: TreePlan, *, own_cgroup_namespace: bool) -> WarmTree | None:
    """Make what is planned, in our namespaces; None where that does not work.

    We are in the mount namespace that we were in afterwards, with the same root and "/" as
    directory. The umask must be 0.
    """
    if not in_first_user_namespace():
        return None  # nodes would have to be binds of the host's
    try:
        with (
            Fd(os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)) as host,
            Fd(os.open("/", _DIRECTORY | os.O_CLOEXEC)) as top,
        ):
            ns.unshare(ns.CLONE_NEWNS)
            try:
                trees = _make(plan, own_cgroup_namespace=own_cgroup_namespace)
                return WarmTree(plan, trees, masks.private_proc())
            finally:
                ns.setns(host.fileno(), ns.CLONE_NEWNS)
                os.fchdir(top.fileno())
                os.chroot(".")
    except (BaleenError, OSError):
        return None


def _make(plan: TreePlan, *, own_cgroup_namespace: bool) -> dict[str, Fd]:
    m.mount(None, "/", None, m.MS_PRIVATE | m.MS_REC)
    with m.fsopen("tmpfs") as context:
        m.fsconfig_create(context.fileno())
        root = m.fsmount(context.fileno())
    with root, contextlib.ExitStack() as undo:
        rootfs.attach_root(root, "/")
        read_only = rootfs.mount_all(
            root, plan.mounts, {}, own_cgroup_namespace=own_cgroup_namespace
        )
        devices.make_devices(root, plan.mounts, plan.devices)
        masks.protect_and_mask(root, plan.readonly, plan.masked)
        rootfs.make_read_only(root, read_only)
        trees = {}
        for top in _TOPS:
            with open_in_root(root.fileno(), top, _DIRECTORY) as place:
                tree = m.open_tree(directory=place.fileno(), recursive=True)
            trees[top] = undo.enter_context(tree)
        undo.pop_all()
        return trees
