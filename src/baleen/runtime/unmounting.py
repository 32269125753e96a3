"""Mount namespaces of containers that have ended are given up in a process of their own.

The last one to leave a mount namespace unmounts what is in it: the kernel waits for a grace period,
and an overlay writes out all that is dirty in the file system below it, whoever wrote it. Were that
PID 1, its end would be told only afterwards; the supervisor has other containers to serve. So the
supervisor holds the namespace by a descriptor, tells of the end at once, and hands the descriptor
to this process, which does nothing but close what it receives: a script of a few calls.

See: `script`; mount_namespaces(7); unix(7) SCM_RIGHTS; the kernel's ovl_sync_fs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from baleen.linux.script import ANY, Label, Script, sealed
from baleen.runtime.process_script import default_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd

__all__ = ["Unmounter"]

_NAME: Final = "baleen-unmount"
_SOCKET: Final = 0
# It has nothing else open, so this is the number of what it receives.
_RECEIVED: Final = 1
_LATER_NS: Final = 2_000_000
_PR_SET_NAME: Final = 15
_MSG_CMSG_CLOEXEC: Final = 0x40000000


def _image() -> bytes:
    """Receive and close, until nobody can send any more."""
    script = Script()
    script.call("close_range", _RECEIVED, 0xFFFFFFFF, 0, ignore=ANY)
    script.call("prctl", _PR_SET_NAME, script.text(_NAME[:15]), ignore=ANY)
    vector = script.data(struct.pack("=QQ", script.data(bytes(8)), 8))
    control = script.data(bytes(24))
    header = script.data(struct.pack("=QIIQQQQiI", 0, 0, 0, vector, 1, control, 24, 0, 0))
    again, close, end = Label(), Label(), Label()
    script.place(again)
    received = script.call("recvmsg", _SOCKET, header, _MSG_CMSG_CLOEXEC)
    script.jump_if_positive(received, close)
    script.jump(end)
    script.place(close)
    # The sender's descriptor has to be closed first: who closes the last one does the work.
    script.call("nanosleep", script.data(struct.pack("=QQ", 0, _LATER_NS)), 0, ignore=ANY)
    script.call("close", _RECEIVED, ignore=ANY)
    script.jump(again)
    script.place(end)
    script.call("exit_group", 0)
    return script.image(_SOCKET)


class Unmounter:
    """Our end: owns the process, which is our child.

    It begins with a namespace to take, and ends when it is let go and has done what it has.
    """

    def __init__(self) -> None:
        self._sock: socket.socket | None = None
        self.pid = 0

    def take(self, namespace: Fd) -> None:
        """Close the descriptor there; or here, if there is no such process or it has much to do."""
        with namespace:
            try:
                if self._sock is None:
                    self._begin()
                assert self._sock is not None
                flags = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
                socket.send_fds(self._sock, [b"-"], [namespace.fileno()], flags)
            except OSError:
                return

    def _begin(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                with sealed(_image(), _NAME) as program:
                    self.pid = os.posix_spawn(
                        f"/proc/self/fd/{program.fileno()}",
                        [_NAME],
                        {},
                        file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), _SOCKET)],
                        setsigmask=(),
                        setsigdef=default_signals(),
                    )
            except BaseException:
                ours.close()
                raise
        self._sock = ours

    def let_go(self) -> int:
        """Let it end; returns its pid, for the caller to reap, or 0 if there is none."""
        sock, self._sock = self._sock, None
        if sock is None:
            return 0
        sock.close()
        return self.pid

    def close(self) -> None:
        """Let it end and reap it."""
        if pid := self.let_go():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
