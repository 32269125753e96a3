"""Forks whose child lands in namespaces that only children can be in, or belongs to another parent.

See: pid_namespaces(7), time_namespaces(7), clone(2) CLONE_PARENT; the picture is in `launch`.
"""

from __future__ import annotations

import contextlib
import errno
import os

from baleen.linux import namespaces as ns
from baleen.linux import process as linux_process
from baleen.runtime.children import own_child
from baleen.runtime.failure import LaunchError, decode_failure, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    from baleen.linux.fd import Fd
    from baleen.runtime.link import Link

__all__ = ["clone_through_intermediate", "fork_into"]


@contextlib.contextmanager
def _children_in_time(offsets: str) -> Iterator[None]:
    """While held, forked children land in a new time namespace, which clone(2) cannot make."""
    own = os.open("/proc/self/ns/time", os.O_RDONLY | os.O_CLOEXEC)
    try:
        ns.unshare(ns.CLONE_NEWTIME)
        try:
            ns.set_time_offsets(offsets)
            yield
        finally:
            ns.setns(own, ns.CLONE_NEWTIME)
    finally:
        os.close(own)


def fork_into(
    flags: int, child: Callable[[], NoReturn], *, sibling: bool = False, time_offsets: str = ""
) -> int:
    """Fork a child that runs `child`, into new namespaces of `flags`' kinds; returns its pid.

    A `sibling` is our parent's child. Raises LaunchError.
    """
    try:
        if flags & ~(ns.CLONE_NEWPID | ns.CLONE_NEWTIME):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        in_time: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if flags & ns.CLONE_NEWTIME:
            in_time = _children_in_time(time_offsets)
        # Not by unshare(2): the way back from there is for the machine's root only.
        new_pid = flags & ns.CLONE_NEWPID
        with in_time:
            if sibling:
                pid = ns.clone_sibling(new_pid)
            else:
                pid = ns.clone_child(new_pid) if new_pid else os.fork()
            if pid == 0:
                child()
    except OSError as error:
        what = "fork the container's process"
        if "timens_offsets" in getattr(error, "__notes__", ()):
            what = "set linux.timeOffsets"
        message = f"cannot {what}: {reason(error)}"
        raise LaunchError("fork", error.errno or 0, message, 128) from error
    return pid


def clone_through_intermediate(
    child: Callable[[], NoReturn],
    link: Link,
    theirs: socket.socket,
    for_parent: Callable[[int, Fd | None], None] | None = None,
) -> tuple[int, Fd]:
    """Fork I, which makes the final process our child; returns that and reaps I.

    Either I clones it as its sibling, or it becomes ours when I ends, for which we are a subreaper
    that long. A clone runs at once, so its messages may come ahead of I's; but when I has ended
    well, I's is there too. With `for_parent` both are our parent's.
    """
    if for_parent is not None:
        for_parent(fork_into(0, child, sibling=True), None)
        theirs.close()
        pid = link.receive_pid()
        return pid, _sibling(pid)
    linux_process.set_child_subreaper(enabled=True)
    try:
        helper = fork_into(0, child)
        theirs.close()
        _, status = os.waitpid(helper, 0)
    finally:
        linux_process.set_child_subreaper(enabled=False)
    if status == 0:
        pid = link.receive_pid()
        return pid, own_child(pid)
    data, fd = link.receive()
    if fd is not None:  # the terminal was made before something else failed
        fd.close()
        data, _ = link.receive()
    if data[:1] == b"{":
        raise decode_failure(data)
    raise LaunchError("enter", 0, "the process that enters the container died", 128)


def _sibling(pid: int) -> Fd:
    """As `own_child`, of our parent, who reaps nothing while we work for it."""
    try:
        pidfd = linux_process.pidfd_open(pid)
        try:
            if linux_process.parent_of(pid) != os.getppid():
                raise ChildProcessError(errno.ECHILD, "not a sibling")
        except BaseException:
            pidfd.close()
            raise
    except (ChildProcessError, ProcessLookupError, FileNotFoundError) as error:
        message = "the process that enters the container told of a process that is not ours"
        raise LaunchError("enter", error.errno or 0, message, 128) from error
    return pidfd
