"""Waiting for a container in the foreground: terminal relayed, signals forwarded.

Signals arrive through a self-pipe, so the loop is one poll(2) over the process, the pipe and,
with a terminal, our own and the container's end of it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import tty

from baleen.linux import pty
from baleen.linux.process import pidfd_send_signal, wait_pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from baleen.runtime.criu.restore import Restored
    from baleen.runtime.launch import Container, ExecProcess

__all__ = ["caught_signals", "relay"]

_CHUNK: Final = 65536
_NOT_FORWARDED: Final = frozenset(
    {
        signal.SIGKILL,
        signal.SIGSTOP,
        signal.SIGCHLD,
        signal.SIGURG,
        signal.SIGPIPE,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGCONT,
    }
)


@contextlib.contextmanager
def caught_signals() -> Iterator[int]:
    """A descriptor that gives the numbers of signals to forward, one byte each.

    To be held from before the container is made, so that none ends us and leaves it behind.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    previous = {}
    for number in signal.valid_signals() - _NOT_FORWARDED:
        with contextlib.suppress(OSError, ValueError):
            previous[number] = signal.signal(number, lambda *_: None)
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        os.close(reader)
        os.close(writer)


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    if not os.isatty(fd):
        yield
        return
    settings = termios.tcgetattr(fd)
    tty.setraw(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, settings)


def _copy_size(console: int) -> None:
    if os.isatty(0):
        pty.set_window_size(console, *pty.get_window_size(0))


def _forward(pidfd: int, console: int | None, numbers: bytes) -> None:
    for number in numbers:
        if number == signal.SIGWINCH and console is not None:
            _copy_size(console)
        else:
            pidfd_send_signal(pidfd, number)


def _copy(source: int, target: int) -> bool:
    """Move what is there; false at the end (a terminal whose other end is gone gives EIO)."""
    try:
        data = os.read(source, _CHUNK)
    except OSError:
        return False
    more = bool(data)
    while data:
        data = data[os.write(target, data) :]
    return more


def relay(container: Container | ExecProcess | Restored, signals: int) -> int:
    """Serve a started container or exec until it ends; returns its exit code and reaps it.

    `signals` is the descriptor of `caught_signals`.
    """
    pidfd = container.pidfd.fileno()
    console = container.console.fileno() if container.console is not None else None
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(signals, select.POLLIN)
    with _raw(0) if console is not None else contextlib.nullcontext():
        if console is not None:
            _copy_size(console)
            poll.register(console, select.POLLIN)
            poll.register(0, select.POLLIN)
        ended = False
        while not ended or console is not None:
            for fd, _ in poll.poll():
                if fd == pidfd:
                    ended = True
                    poll.unregister(pidfd)
                elif fd == signals:
                    _forward(pidfd, console, os.read(signals, 256))
                elif fd == console and not _copy(console, 1):
                    poll.unregister(console)
                    console = None
                elif fd == 0 and (console is None or not _copy(0, console)):
                    poll.unregister(0)
    code = wait_pidfd(pidfd)
    assert code is not None
    return code
