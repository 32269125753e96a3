"""PID 1 for commands that are not made to be one (`--init`): a script of system calls.

::

    C, all is mounted ── execveat ──► the script: working directory, user, capabilities, filter
                                        clone ──► the command, in a process group of its own
                                        then, for ever: wait for a signal
                                            SIGCHLD   reap all that has ended; with the command, end
                                            others    send them on to the command

It is two pages beside what the kernel keeps of any process, and holds no descriptor but 0, 1 and 2.
It ends as the command ends, with its exit code, or 128 + signal.

See: pid_namespaces(7) (an init gets only signals it handles, and must reap), signal(7);
`baleen.linux.script`.
"""

from __future__ import annotations

import errno
import signal
import struct

from baleen.linux.script import ANY, VALUE, Label, sealed
from baleen.runtime.process_script import CHANNEL, UINT_MAX, ProcessScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.linux.script import Step
    from baleen.runtime.prepare import Prepared

__all__ = ["INHERITED_CHANNEL", "TinyInit"]

# Where the script finds the channel to whoever starts it, not close-on-exec.
INHERITED_CHANNEL: Final = 63
_NAME: Final = "baleen-init"
_TIOCSPGRP: Final = 0x5410
_SIG_DFL: Final = 0
_SIG_IGN: Final = 1
_EXITED: Final = 0
_SIGNALLED: Final = 0x7F
_WNOHANG: Final = 1
_SIGSET_BYTES: Final = 8
# Raised by a fault of our own, by the terminal for background jobs, or not to be caught.
_NOT_FORWARDED: Final = (
    signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP,
    signal.SIGSYS, signal.SIGTRAP, signal.SIGTTIN, signal.SIGTTOU,
)  # fmt: skip


class TinyInit:
    """The program, and what its failures mean.

    Attributes:
        argv: its command line, which shows the command's.
        steps: to decode the message of a failure.
    """

    def __init__(self, process: Prepared, held: int | None) -> None:
        """Write it; `held` are the permitted capabilities of the process that becomes it.

        None: that is in the working directory and has user, capabilities and filter already.
        """
        self.argv = (_NAME.encode(), b"--", *process.argv)
        self.steps = _script(process, held)

    def program(self) -> Fd:
        """The program as a file, for execveat(2) (OSError)."""
        return sealed(self.steps.script.image(INHERITED_CHANNEL), _NAME)


def _script(process: Prepared, held: int | None) -> ProcessScript:
    steps = ProcessScript()
    script = steps.script
    steps.begin(_NAME)
    steps.keep_channel(INHERITED_CHANNEL)
    if held is not None:
        steps.change_directory(process.cwd)
        steps.become(process, held)
        steps.filter_syscalls(process)
    steps.stage("starting the command")
    watched = script.data(_set_of(all_but=_NOT_FORWARDED))
    script.call("rt_sigprocmask", signal.SIG_SETMASK, watched, 0, _SIGSET_BYTES)
    command = script.call("clone", signal.SIGCHLD, 0, 0, 0, 0)
    parent = Label()
    script.jump_if_positive(command, parent)
    _take_foreground(steps)
    nothing = script.data(bytes(_SIGSET_BYTES))
    script.call("rt_sigprocmask", signal.SIG_SETMASK, nothing, 0, _SIGSET_BYTES)
    steps.execute(process)
    script.place(parent)
    _serve(steps, command, watched)
    return steps


def _set_of(*, all_but: tuple[signal.Signals, ...]) -> bytes:
    left = sum(1 << number - 1 for number in all_but)
    return struct.pack("=Q", ~left & 0xFFFFFFFFFFFFFFFF)


def _take_foreground(steps: ProcessScript) -> None:
    """Give the command a process group of its own, in front if there is a terminal."""
    script = steps.script
    script.call("setpgid", 0, 0)
    own = script.call("getpid")
    # SIGTTOU would stop us, as we are in the background for this moment.
    _dispose(steps, signal.SIGTTOU, _SIG_IGN)
    script.call("ioctl", 0, _TIOCSPGRP, own, ignore=ANY)
    _dispose(steps, signal.SIGTTOU, _SIG_DFL)


def _dispose(steps: ProcessScript, number: int, how: int) -> None:
    action = steps.script.data(struct.pack("=QQQQ", how, 0, 0, 0))
    steps.script.call("rt_sigaction", number, action, 0, _SIGSET_BYTES)


def _serve(steps: ProcessScript, command: Step, watched: int) -> None:
    script = steps.script
    script.call("close_range", CHANNEL, UINT_MAX, 0)
    wait, reap, done, exited = Label(), Label(), Label(), Label()
    for_kill, for_reap = script.load(command), script.load(command)
    script.place(wait)
    got = script.call("rt_sigtimedwait", watched, 0, 0, _SIGSET_BYTES, ignore=errno.EINTR)
    script.jump_if_equal(got, UINT_MAX, signal.SIGCHLD, reap)
    number = script.load(got)
    kill = script.call("kill", 0, 0, ignore=ANY)
    script.hand_on(for_kill, kill, 0)
    script.hand_on(number, kill, 1)
    script.jump(wait)
    script.place(reap)
    status = script.data(bytes(8))
    ended = script.call("wait4", -1, status, _WNOHANG, 0, otherwise=wait)
    script.jump_if_equal(ended, UINT_MAX, 0, wait)
    script.hand_on(for_reap, script.jump_if_equal(ended, UINT_MAX, 0, done), VALUE)
    script.jump(reap)
    script.place(done)
    script.jump_if_equal(status, _SIGNALLED, _EXITED, exited)
    _leave(steps, script.load(status, 0, _SIGNALLED, 128))
    script.place(exited)
    _leave(steps, script.load(status, 8, 0xFF))


def _leave(steps: ProcessScript, code: Step) -> None:
    steps.script.hand_on(code, steps.script.call("exit_group", 0), 0)
