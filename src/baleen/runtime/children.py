"""Processes that are our children, by their pidfds."""

from __future__ import annotations

import contextlib
import os
import signal

from baleen.linux import process as linux_process
from baleen.runtime.failure import LaunchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.fd import Fd

__all__ = ["destroy", "own_child"]


def own_child(pid: int) -> Fd:
    """A pidfd of `pid`, which must be our child.

    Whoever might get at a channel of a process that enters (a container that may trace) must not
    have us signal or watch another process of the host.
    """
    try:
        pidfd = linux_process.pidfd_open(pid)
        try:
            os.waitid(os.P_PIDFD, pidfd.fileno(), os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except BaseException:
            pidfd.close()
            raise
    except (ChildProcessError, ProcessLookupError) as error:
        message = "the process that enters the container told of a process that is not ours"
        raise LaunchError("enter", error.errno or 0, message, 128) from error
    return pidfd


def destroy(pidfd: Fd) -> None:
    """Kill and reap our child; success means that it is gone."""
    if pidfd.closed:
        return
    linux_process.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        linux_process.wait_pidfd(pidfd.fileno())
    pidfd.close()
