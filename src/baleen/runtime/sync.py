"""The messages between a launch's parent and its child; the picture is in `launch`.

Datagrams of one SOCK_SEQPACKET pair whose ends are close-on-exec: "N" namespaces made, "G" the
cgroup is there, "R" ready (with the terminal's master), "S" start, "P<pid>" the final process, or a
JSON object: a failure, after which the child exits. The end of the stream means that execve
succeeded. Only where they are needed: "M" all is mounted, "H" the hooks on the host have run;
"L<fd>" a seccomp listener at that descriptor of the child's, "L" somebody has it; "I" the standard
streams of a PID 1 made ahead, see `warm`.
"""

from __future__ import annotations

import gc
import os
import signal
import socket

from baleen.linux.process import close_all_except, set_dumpable, set_parent_death_signal
from baleen.linux.signals import default_internal_signals
from baleen.runtime.failure import encode_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, NoReturn

__all__ = ["Channel", "begin", "child_main"]

CHANNEL_BYTES: Final = 8192
MESSAGE_NAMESPACES: Final = b"N"
MESSAGE_CGROUP: Final = b"G"
MESSAGE_READY: Final = b"R"
MESSAGE_START: Final = b"S"
MESSAGE_MOUNTED: Final = b"M"
MESSAGE_HOOKS: Final = b"H"
MESSAGE_LISTENER: Final = b"L"
MESSAGE_STREAMS: Final = b"I"

_SIGNALS: Final = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class Channel:
    """The child's end, and the name of the step that it is at."""

    __slots__ = ("fd", "stage")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.stage = "init"

    def send(self, message: bytes) -> None:
        """Send one message."""
        os.write(self.fd, message)

    def send_with_fd(self, message: bytes, fd: int) -> None:
        """Send one message and a descriptor, which stays ours too."""
        with socket.socket(fileno=os.dup(self.fd)) as borrowed:
            socket.send_fds(borrowed, [message], [fd])

    def receive(self) -> tuple[bytes, list[int]]:
        """Wait for any message and its descriptors; leave the process as `wait_for` does."""
        with socket.socket(fileno=os.dup(self.fd)) as borrowed:
            data, fds, _, _ = socket.recv_fds(borrowed, CHANNEL_BYTES, 3)
        if not data:
            os._exit(1)
        return data, fds

    def wait_for(self, message: bytes) -> None:
        """Block until we may go on; leave the process if the parent went away instead."""
        if os.read(self.fd, CHANNEL_BYTES) != message:
            os._exit(1)


def child_main(fd: int, body: Callable[[Channel], None]) -> NoReturn:
    """Run `body` in a forked child: it ends by execve, or its failure is sent to the parent."""
    gc.disable()  # a collection would touch, and so copy, every page of the heap
    channel = Channel(fd)
    try:
        body(channel)
    except BaseException as error:  # the parent raises it
        try:
            channel.send(encode_failure(channel.stage, error))
        except OSError:
            os._exit(1)  # the parent is gone, and nobody else may be told
    finally:
        os._exit(1)


def begin(keep: set[int]) -> None:
    """The first steps of every child: nothing inherited, nothing visible, default signals.

    Descriptors not in `keep` are closed; the process cannot be dumped or traced without
    CAP_SYS_PTRACE until execve, and dies with its parent.
    """
    set_dumpable(dumpable=False)
    close_all_except(keep)
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
    default_internal_signals()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    set_parent_death_signal(signal.SIGKILL)
    os.umask(0)
