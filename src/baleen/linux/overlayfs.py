"""Union mounts on every kernel that has openat2(2).

From Linux 6.7 on a union is configured layer by layer (`lowerdir+`) and is *detached*: in no mount
namespace until it is attached. Older kernels know all layers in one option only, which fsconfig(2)
limits to 255 bytes; there mount(2) takes a page of options, at a place.

In a user namespace the union keeps its marks in attributes user.overlay.*, as it may not set those
of the kind trusted.* (Linux 5.11).

A lower directory can be shown with other owners than it has on disk (`OwnerMap`): it takes part as
an idmapped mount, which an overlay takes from Linux 5.19 on. The upper directory is as it is.

See: Documentation/filesystems/overlayfs.rst, idmappings.rst; fsopen(2), mount(2), mount_setattr(2).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from baleen.linux import mount as m
from baleen.linux.fd import Fd
from baleen.linux.record import record
from baleen.linux.user_namespace import in_first_user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

__all__ = [
    "OwnerMap",
    "attach_overlay",
    "detached_overlay",
    "is_whiteout",
    "mapped_directory",
    "opaque_attribute",
]

_FSCONFIG_MAX: Final = 255
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def opaque_attribute() -> str:
    """The attribute that marks a directory as hiding those below it, for unions made by us."""
    return f"{'trusted' if in_first_user_namespace() else 'user'}.overlay.opaque"


def is_whiteout(info: os.stat_result) -> bool:
    """Whether a file of this status stands for a removed one: the character device 0:0."""
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


@record(frozen=True, slots=True)
class OwnerMap:
    """Whose ids lower directories show.

    Attributes:
        user_namespace: descriptor, the caller's; what is id N on disk is its id N.
        spared: how many directories, from the top, are shown as they are.
    """

    user_namespace: int
    spared: int = 0


def mapped_directory(path: str, user_namespace: int, attributes: int = 0) -> Fd:
    """A detached mount of the directory `path` that shows its files with mapped owners (OSError).

    Its descriptor is a directory descriptor. EINVAL: the file system, or the kernel, cannot.
    """
    tree = m.open_tree(path)
    try:
        m.mount_setattr(
            tree.fileno(), set_=m.MOUNT_ATTR_IDMAP | attributes, user_namespace=user_namespace
        )
    except BaseException:
        tree.close()
        raise
    return tree


def _named(fd: Fd) -> str:
    return f"/proc/self/fd/{fd.fileno()}"


def _refuses_at_once(context: int) -> bool:
    """Whether parameters are checked as they come (Linux 6.5).

    Older kernels collect any words, and refuse them all with a line in the kernel's log when the
    superblock is made.
    """
    try:
        m.fsconfig_string(context, "no-such-parameter", "")
    except OSError:
        return True
    return False


def _configure(context: int, upper: str | None, work: str | None, label: str) -> None:
    if upper and work:
        m.fsconfig_string(context, "upperdir", upper)
        m.fsconfig_string(context, "workdir", work)
        m.fsconfig_string(context, "index", "off")  # see attach_overlay
    if not in_first_user_namespace():
        m.fsconfig_flag(context, "userxattr")
    elif upper and work:
        m.fsconfig_string(context, "redirect_dir", "off")  # see attach_overlay
    if label:
        m.fsconfig_string(context, "context", label)


def detached_overlay(
    lower: Sequence[str],
    upper: str | None,
    work: str | None,
    attributes: int = 0,
    owners: OwnerMap | None = None,
    *,
    label: str = "",
) -> Fd | None:
    """A detached union of `lower` (top first) and `upper`, with MOUNT_ATTR_* `attributes`.

    With `label`, that is the SELinux context of all its files.

    None where this kernel has no such way (before 6.7), or a path is too long for it: then
    `attach_overlay` has to do. Raises OSError for anything else.
    """
    writable = (upper, work) if upper and work else ()
    if any(len(os.fsencode(path)) > _FSCONFIG_MAX for path in (*lower, *writable)):
        return None
    with contextlib.ExitStack() as held:
        fd = held.enter_context(m.fsopen("overlay")).fileno()
        if not _refuses_at_once(fd):
            return None
        m.fsconfig_string(fd, "source", "overlay")
        layers = list(lower)
        if owners is not None:
            for index in range(owners.spared, len(layers)):
                tree = mapped_directory(layers[index], owners.user_namespace)
                layers[index] = _named(held.enter_context(tree))
        try:
            for layer in layers:
                m.fsconfig_string(fd, "lowerdir+", layer)
        except OSError as error:
            # Directories are looked up later or give other errors: EINVAL is the word itself.
            if error.errno != errno.EINVAL:
                raise
            return None
        _configure(fd, upper, work, label)
        try:
            m.fsconfig_create(fd)
        except OSError as error:
            # Kernels before 6.15 take layers from mounts of our own namespace only.
            if owners is None or error.errno != errno.EINVAL:
                raise
            return None
        return m.fsmount(fd, attributes)


def attach_overlay(
    lower: Sequence[str],
    upper: str | None,
    work: str | None,
    place: str,
    flags: int = 0,
    owners: OwnerMap | None = None,
    *,
    label: str = "",
) -> None:
    """Mount the union at `place`, with MS_* `flags` and the SELinux context. Raises OSError.

    Directories are named by descriptor, relative to the directory of descriptors. So 498 of them,
    as many as the kernel stacks beside two of ours, are within one page of options, and nothing
    needs escaping. The working directory is another one meanwhile. With `owners` the caller's mount
    namespace has to be one of its own: the mapped mounts are left lying over the directories.
    """
    with contextlib.ExitStack() as held:
        here = held.enter_context(Fd(os.open(".", _DIRECTORY)))
        os.chdir("/proc/self/fd")
        held.callback(os.fchdir, here.fileno())

        def named(path: str) -> str:
            return str(held.enter_context(Fd(os.open(path, _DIRECTORY))).fileno())

        def layer(index: int, path: str) -> str:
            if owners is None or index < owners.spared:
                return named(path)
            tree = held.enter_context(mapped_directory(path, owners.user_namespace))
            with Fd(os.open(path, _DIRECTORY)) as covered:
                m.move_mount(tree.fileno(), covered.fileno())
            return str(tree.fileno())

        options = "lowerdir=" + ":".join([layer(index, path) for index, path in enumerate(lower)])
        if upper and work:
            # With an index, which some kernels keep by default, a mount that is still on its way
            # out would refuse the next one (EBUSY).
            options += f",upperdir={named(upper)},workdir={named(work)},index=off"
        if not in_first_user_namespace():
            options += ",userxattr"
        elif upper and work:
            # The upper directory has to say all of a change, for it becomes a layer: no renamed
            # directory whose files are below, and so no file whose data are below either.
            options += ",redirect_dir=off"
        if label:
            options += f',context="{label}"'
        m.mount("overlay", place, "overlay", flags, options)
