"""Union mounts on every kernel that has openat2(2).

From Linux 6.7 on a union is configured layer by layer (`lowerdir+`) and is *detached*: in no mount
namespace until it is attached. Older kernels know all layers in one option only, which fsconfig(2)
limits to 255 bytes; there mount(2) takes a page of options, at a place.

See: Documentation/filesystems/overlayfs.rst, fsopen(2), mount(2).
"""

from __future__ import annotations

import errno
import os

from baleen.linux import mount as m
from baleen.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

__all__ = ["attach_overlay", "detached_overlay"]

_FSCONFIG_MAX: Final = 255
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


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


def detached_overlay(
    lower: Sequence[str],
    upper: str | None,
    work: str | None,
    attributes: int = 0,
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
    with m.fsopen("overlay") as context:
        fd = context.fileno()
        if not _refuses_at_once(fd):
            return None
        m.fsconfig_string(fd, "source", "overlay")
        try:
            for layer in lower:
                m.fsconfig_string(fd, "lowerdir+", layer)
        except OSError as error:
            # Directories are looked up later or give other errors: EINVAL is the word itself.
            if error.errno != errno.EINVAL:
                raise
            return None
        if upper and work:
            m.fsconfig_string(fd, "upperdir", upper)
            m.fsconfig_string(fd, "workdir", work)
        if label:
            m.fsconfig_string(fd, "context", label)
        m.fsconfig_create(fd)
        return m.fsmount(fd, attributes)


def attach_overlay(
    lower: Sequence[str],
    upper: str | None,
    work: str | None,
    place: str,
    flags: int = 0,
    *,
    label: str = "",
) -> None:
    """Mount the union at `place`, with MS_* `flags` and the SELinux context. Raises OSError.

    Directories are named by descriptor, which keeps the options within one page and free of
    characters that would need escaping.
    """
    descriptors: list[Fd] = []

    def named(path: str) -> str:
        descriptors.append(Fd(os.open(path, _DIRECTORY)))
        return f"/proc/self/fd/{descriptors[-1].fileno()}"

    try:
        options = "lowerdir=" + ":".join([named(path) for path in lower])
        if upper and work:
            options += f",upperdir={named(upper)},workdir={named(work)}"
        if label:
            options += f',context="{label}"'
        m.mount("overlay", place, "overlay", flags, options)
    finally:
        for descriptor in descriptors:
            descriptor.close()
