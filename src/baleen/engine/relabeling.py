"""Giving files of the host an SELinux context: `z` and `Z` of a bind, and what is made for a run.

Everything below the source is reached by descriptor, and no symbolic link is followed, so nobody
who can write there leads a label to a file elsewhere. Directories that a host is made of are
refused, as by dockerd: another context on /usr would be the end of the host.

See: `docker run -v source:target:z`; setxattr(2).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from baleen.archive.tree import open_below
from baleen.errors import InvalidArgument
from baleen.linux.lsm import set_context

__all__ = ["PROTECTED", "context_of", "is_protected", "relabel", "relabel_file"]

PROTECTED: Final = frozenset(
    {
        "/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd", "/etc/pki", "/etc/shadow", "/home",
        "/lib", "/lib64", "/media", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys",
        "/tmp", "/usr", "/var", "/var/lib", "/var/log",  # noqa: S108  # not ours: refused
    }
)  # fmt: skip
_LIST: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NODE: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def is_protected(path: str) -> bool:
    """Whether the host is made of the directory: it, or where a link of its name leads to."""
    real = os.path.realpath(path)
    names = {*PROTECTED, str(Path.home())}
    return real in names or real in {os.path.realpath(name) for name in names}


def context_of(path: Path) -> str:
    """Return the context that the file is labelled with, "" for none (FileNotFoundError)."""
    try:
        label = os.getxattr(path, "security.selinux", follow_symlinks=False)
    except OSError as err:
        if err.errno in (errno.ENODATA, errno.ENOTSUP):
            return ""
        raise
    return os.fsdecode(label).rstrip("\0")


def relabel_file(path: str, context: str) -> None:
    """Give one file of ours a context; OSError as of setxattr(2)."""
    node = os.open(path, _NODE)
    try:
        set_context(node, context)
    finally:
        os.close(node)


def relabel(path: str, context: str) -> None:
    """Give `path`, with all below it, the context. Blocks; a tree may be large.

    A file system without such attributes is left alone.

    Raises:
        InvalidArgument: it is a directory that must not be touched, or the policy has no such
            context.
        OSError: the kernel refused one of the files; others have been changed.
    """
    top = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        real = os.readlink(f"/proc/self/fd/{top}")  # noqa: PTH115  # of the descriptor
        if is_protected(real):
            raise InvalidArgument(f"SELinux relabeling of {real} is not allowed")
        try:
            set_context(top, context)
        except OSError as err:
            if err.errno == errno.ENOTSUP:
                return
            if err.errno == errno.EINVAL:
                raise InvalidArgument(f"the policy has no SELinux context {context!r}") from err
            raise
        if stat.S_ISDIR(os.fstat(top).st_mode):
            _relabel_below(top, context)
    finally:
        os.close(top)


def _relabel_below(top: int, context: str) -> None:
    pending = [b""]
    while pending:
        path = pending.pop()
        # What is removed or replaced meanwhile is not ours to label.
        with suppress(FileNotFoundError, NotADirectoryError):
            current = open_below(top, path) if path else os.open(".", _LIST, dir_fd=top)
            try:
                names = [os.fsencode(name) for name in os.listdir(current)]  # noqa: PTH208  # an fd
                deeper = [name for name in names if _relabel_node(current, name, context)]
            finally:
                os.close(current)
            pending += [path + b"/" + name if path else name for name in deeper]


def _relabel_node(directory: int, name: bytes, context: str) -> bool:
    """Label one entry; returns whether it is a directory."""
    try:
        node = os.open(name, _NODE, dir_fd=directory)
    except FileNotFoundError:
        return False
    try:
        set_context(node, context)
        return stat.S_ISDIR(os.fstat(node).st_mode)
    finally:
        os.close(node)
