"""The marks by which an overlay hides what is below: whiteouts and opaque directories.

See: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from baleen.archive.tree import open_below
from baleen.linux.overlayfs import is_whiteout, opaque_attribute

__all__ = ["is_opaque", "make_opaque", "make_whiteout", "remove_whiteouts"]


def make_whiteout(directory: int, name: bytes) -> None:
    """Hide what is called `name` in the directories that are merged with `directory` (OSError)."""
    os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=directory)


def is_opaque(directory: int) -> bool:
    """Whether the open directory hides those below it."""
    with suppress(OSError):
        return os.getxattr(directory, opaque_attribute()) == b"y"
    return False


def make_opaque(directory: int) -> None:
    """Let the open directory hide those below it (OSError)."""
    os.setxattr(directory, opaque_attribute(), b"y")


def remove_whiteouts(directory: int) -> None:
    """Remove the whiteouts in and below the directory: where nothing is below, they would show.

    Overlay hides them only in directories that it merges.
    """
    pending = [b""]
    while pending:
        path = pending.pop()
        fd = open_below(directory, path)
        try:
            for name in map(os.fsencode, os.listdir(fd)):
                info = os.lstat(name, dir_fd=fd)
                if is_whiteout(info):
                    os.unlink(name, dir_fd=fd)
                elif stat.S_ISDIR(info.st_mode):
                    pending.append(path + b"/" + name if path else name)
        finally:
            os.close(fd)
