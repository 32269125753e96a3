"""PID 1 for commands that are not made to be one: forwards signals and reaps orphans (`--init`).

It is our own forked process that stays, with the container's user, capabilities and filter, not
dumpable and without descriptors beside 0, 1 and 2. It ends as the command ends, with its exit
code, or 128 + signal.

See: pid_namespaces(7) (an init gets only signals it handles, and must reap), signal(7).
"""

from __future__ import annotations

import contextlib
import os
import signal

from baleen.linux.process import overwrite_command_line, set_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, NoReturn

    from baleen.runtime.sync import Channel

__all__ = ["reap_for"]

# Raised by a fault of our own, by the terminal for background jobs, or not to be caught.
_NOT_FORWARDED: Final = frozenset(
    {
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGKILL,
        signal.SIGSEGV,
        signal.SIGSTOP,
        signal.SIGSYS,
        signal.SIGTRAP,
        signal.SIGTTIN,
        signal.SIGTTOU,
    }
)


def reap_for(
    channel: Channel,
    run_command: Callable[[], NoReturn],
    command_line: tuple[tuple[int, int, int], bytes] | None = None,
) -> NoReturn:
    """Fork the command and stay as its init; never returns.

    `command_line` is where and what `ps` is to show; our environment is wiped with it.
    The command's failure to start is sent over `channel` by `run_command` raising in the child.
    """
    watched: set[int] = {
        number for number in signal.valid_signals() if number not in _NOT_FORWARDED
    }
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    command = os.fork()
    if command == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
        _take_foreground()
        run_command()
    os.close(channel.fd)
    set_name("baleen-init")
    if command_line is not None:
        overwrite_command_line(*command_line)
    os._exit(_serve(command, watched))


def _take_foreground() -> None:
    """Give the command a process group of its own, in front if there is a terminal."""
    os.setpgid(0, 0)
    # SIGTTOU would stop us, as we are in the background for this moment.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def _serve(command: int, watched: set[int]) -> int:
    while True:
        number = signal.sigwait(watched)
        if number != signal.SIGCHLD:
            with contextlib.suppress(ProcessLookupError):
                os.kill(command, number)
            continue
        code = _reap(command)
        if code is not None:
            return code


def _reap(command: int) -> int | None:
    """Reap all that has ended; the exit code if the command was among it."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == command:
            code = os.waitstatus_to_exitcode(status)
            code = 128 - code if code < 0 else code
