"""One more process in a running container: the script that brings it in.

    parent, on the host, keeps the channel's other end
      posix_spawn ──► I, outside the container's pid namespace
                        joins the cgroup and the namespaces, gives up every descriptor and right
                        clone as sibling ──────────────► the process, a child of the parent
      ◄── "<pid>" ────  ends                               session, filter, execve
      ◄── console ────  (with a terminal)
      ◄── failure ────  of either
      ◄── end of the stream: execve has succeeded, or somebody has failed

Neither of the two has anything but the script: what the container may know (`linux.script`). So
one that may trace (CAP_SYS_PTRACE) finds nothing in them (CVE-2016-9962). Where the container has
no pid namespace of its own, I is the process.

See: setns(2), pid_namespaces(7), pty(7).
"""

from __future__ import annotations

import array
import errno
import os
import signal
import socket
import struct

from baleen.linux import capabilities
from baleen.linux import namespaces as ns
from baleen.linux.calls import ARCHITECTURE
from baleen.linux.fd import Fd
from baleen.linux.files import DEVPTS_SUPER_MAGIC
from baleen.linux.path import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS
from baleen.linux.record import record
from baleen.linux.script import FAILURE, Label, sealed
from baleen.runtime.children import destroy, own_child
from baleen.runtime.failure import LaunchError
from baleen.runtime.process_script import (
    AT_FDCWD,
    STAT_KIND,
    UINT_MAX,
    ProcessScript,
    default_signals,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.script import Step
    from baleen.runtime.prepare import Prepared

__all__ = ["EnterPlan", "Entering", "enter"]

_NAME: Final = "baleen-enter"
_CLONE_PARENT: Final = 0x00008000
_AT_EMPTY_PATH: Final = 0x1000
_TIOCSCTTY: Final = 0x540E
_TIOCSWINSZ: Final = 0x5414
_TIOCSPTLCK: Final = 0x40045431
_TIOCGPTPEER: Final = 0x5441
_DEVICE: Final = 40 if ARCHITECTURE == "x86_64" else 32
_PTMX: Final = os.makedev(5, 2)
# More than a script has open at once beside what was passed; those get the lowest numbers.
_OPENED: Final = 16
_PID: Final = struct.Struct("=Q")
_CREDENTIALS: Final = struct.Struct("=iII")


@record(frozen=True, slots=True)
class EnterPlan:
    """All that the process needs.

    Attributes:
        process: with its `stdio`, none with a terminal.
        container: pidfd of the container's PID 1.
        namespaces: CLONE_NEW* flags of those to join.
        members: the files in which a process writes 0 to join the control group.
    """

    process: Prepared
    container: int
    namespaces: int
    members: tuple[str, ...]


class Entering:
    """A process on its way in; owns the channel.

    Attributes:
        worker: the pid of I, our child, to be reaped by `settle`.
        sock: readable when there is something for `receive`.
    """

    def __init__(self, plan: EnterPlan) -> None:
        """Start it (LaunchError); returns at once."""
        self._through_intermediate = bool(plan.namespaces & ns.CLONE_NEWPID)
        self._pid = 0
        self._failure: LaunchError | None = None
        self.console: Fd | None = None
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                # The kernel says who has sent a message; what the container's says is not trusted.
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                passed = _passed(plan, theirs.fileno())
                self._script, image = _written(plan, theirs.fileno(), above=max(passed) + _OPENED)
                self.worker = _spawn(image, passed)
        except BaseException as error:
            self.sock.close()
            if isinstance(error, OSError):
                message = f"cannot start the process that enters the container: {error.strerror}"
                raise LaunchError("enter", error.errno or 0, message, 128) from error
            raise

    def receive(self) -> bool:
        """Take one message; False at the end of all."""
        size = socket.CMSG_SPACE(4) + socket.CMSG_SPACE(_CREDENTIALS.size)
        try:
            data, control, _, _ = self.sock.recvmsg(64, size, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return False
        sender, fds = 0, array.array("i")
        for level, kind, payload in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                sender = _CREDENTIALS.unpack_from(payload)[0]
        received = [Fd(fd) for fd in fds]
        if sender == self.worker and received and self.console is None:
            self.console = received.pop()
        for fd in received:
            fd.close()
        if len(data) == _PID.size and sender == self.worker and not self._pid:
            (self._pid,) = _PID.unpack(data)
        elif len(data) == FAILURE.size:
            self._failure = self._script.failure(data)
        return bool(data)

    def settle(self) -> tuple[int, Fd]:
        """After the end: the pid and a pidfd of the process, which runs, and is our child.

        Raises:
            LaunchError: it does not, and nothing is left of it; I is reaped in any case.
        """
        self.sock.close()
        try:
            pid, pidfd = self._process()
        except LaunchError:
            console, self.console = self.console, None
            if console is not None:
                console.close()
            raise
        return pid, pidfd

    def _process(self) -> tuple[int, Fd]:
        if self._through_intermediate:
            os.waitpid(self.worker, 0)
            pid = self._pid
        else:
            pid = self.worker
        pidfd = own_child(pid) if pid else None
        if self._failure is not None:
            if pidfd is not None:
                destroy(pidfd)
            raise self._failure
        if pidfd is None:
            raise LaunchError("enter", 0, "the process that enters the container died", 128)
        return pid, pidfd


def enter(plan: EnterPlan) -> tuple[int, Fd, Fd | None]:
    """Run the process; returns its pid, its pidfd and its terminal's master after execve.

    Raises:
        LaunchError: nothing is left of the attempt.
    """
    entering = Entering(plan)
    while entering.receive():
        pass
    pid, pidfd = entering.settle()
    return pid, pidfd, entering.console


def _passed(plan: EnterPlan, channel: int) -> list[int]:
    """The descriptors that the script begins with, by their numbers here."""
    stdio = plan.process.stdio
    streams = [] if stdio is None else [stdio.stdin, stdio.stdout, stdio.stderr]
    return [channel, plan.container, *streams, *plan.process.preserved]


def _spawn(image: bytes, passed: list[int]) -> int:
    with sealed(image, _NAME) as program:
        # A duplicate onto itself is not closed by execve; everything else that we have open is.
        keep = [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in sorted({*passed})]
        return os.posix_spawn(
            f"/proc/self/fd/{program.fileno()}",
            [_NAME],
            {},
            file_actions=keep,
            setsigmask=(),
            setsigdef=default_signals(),
        )


# The last script: health checks and their like run the same again and again.
_last: list[tuple[tuple[EnterPlan, int, int], tuple[ProcessScript, bytes]]] = []


def _written(plan: EnterPlan, channel: int, above: int) -> tuple[ProcessScript, bytes]:
    """The script and its program, see `_script`."""
    key = (plan, channel, above)
    if _last and _last[0][0] == key:
        return _last[0][1]
    steps = _script(plan, channel, above)
    written = steps, steps.script.image(channel)
    _last[:] = [(key, written)]
    return written


def _script(plan: EnterPlan, channel: int, above: int) -> ProcessScript:
    """`above` is a number that no descriptor in it reaches by itself."""
    process = plan.process
    steps = ProcessScript(len(process.preserved))
    script = steps.script
    steps.begin(_NAME)
    steps.adjust_oom_score(process)
    if process.scheduling is not None:
        process.scheduling.append_initial_cpus(steps)
    steps.stage("joining the cgroup")
    for path in plan.members:
        steps.write(path, b"0")
    if process.scheduling is not None:
        process.scheduling.append_final_cpus(steps)
    if process.labels is not None:
        process.labels.append(steps, above)
    steps.stage("joining the container's namespaces")
    script.call("setns", plan.container, plan.namespaces)
    _, held, _ = capabilities.capget()
    if plan.namespaces & ns.CLONE_NEWUSER:
        held = steps.become_root()
    steps.new_keyring()
    if process.stdio is None:
        _use_terminal(steps, process, channel, above)
    else:
        steps.use_stdio(process, process.stdio, channel)
    steps.change_directory(process.cwd)
    steps.become(process, held)
    outside = Label()
    if plan.namespaces & ns.CLONE_NEWPID:
        # From here on whoever may trace in the container can have the process make any call.
        steps.filter_syscalls(process)
        steps.stage("cloning the process into the container")
        cloned = script.call("clone", _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
        script.jump_if_positive(cloned, outside)
        steps.die_with_parent()
    else:
        cloned = None
    if process.outlives_parent:
        steps.die_with_parent(0)
    steps.stage("exec")
    script.call("setsid")
    if process.terminal:
        script.call("ioctl", 0, _TIOCSCTTY, 0)
    if cloned is None:
        steps.filter_syscalls(process)
    steps.execute(process)
    if cloned is not None:
        script.place(outside)
        script.call("write", steps.channel, cloned, _PID.size)
        script.call("exit_group", 0)
    return steps


def _use_terminal(steps: ProcessScript, process: Prepared, channel: int, above: int) -> None:
    """Open a terminal in the container's own devpts, send its master, be on its slave.

    The slave is opened with TIOCGPTPEER from the master, never by name, so that nobody can put
    another file in its way.
    """
    script = steps.script

    def not_opened(number: int) -> LaunchError:
        message = f"cannot open a terminal in /dev/pts of the container: {os.strerror(number)}"
        return LaunchError("terminal", number, message, 128)

    def step(name: str, *arguments: int) -> Step:
        made = script.call(name, *arguments)
        steps.means(made, not_opened)
        return made

    def keep(made: Step) -> int:
        """Give the descriptor that a step returns a number that is known here."""
        nonlocal above
        above += 1
        script.hand_on(made, step("dup3", 0, above, os.O_CLOEXEC), 0)
        return above

    def check(address: int, expected: bytes) -> None:
        for offset, byte in enumerate(expected):
            right = Label()
            script.jump_if_equal(address + offset, 0xFF, byte, right)
            steps.means(script.fail(), lambda _number: not_opened(errno.ENODEV))
            script.place(right)

    steps.stage("opening the terminal")
    resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    how = script.data(struct.pack("=QQQ", flags, 0, resolve))
    devpts = keep(step("openat2", AT_FDCWD, script.text("/dev/pts"), how, 24))
    found = script.data(bytes(256))
    step("fstatfs", devpts, found)
    check(found, DEVPTS_SUPER_MAGIC.to_bytes(8, "little"))
    flags = os.O_RDWR | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
    master = keep(step("openat", devpts, script.text("ptmx"), flags))
    step("newfstatat", master, script.text(""), found, _AT_EMPTY_PATH)
    kind = Label()
    script.jump_if_equal(found + STAT_KIND, 0xF0, 0x20, kind)
    steps.means(script.fail(), lambda _number: not_opened(errno.ENODEV))
    script.place(kind)
    check(found + _DEVICE, _PTMX.to_bytes(8, "little"))
    step("ioctl", master, _TIOCSPTLCK, script.data(bytes(8)))
    slave = keep(step("ioctl", master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    _send_descriptor(steps, channel, master)
    if process.console_size is not None:
        width, height = process.console_size
        size = script.data(struct.pack("=HHHH", height, width, 0, 0))
        step("ioctl", slave, _TIOCSWINSZ, size)
    if process.user.uid:
        step("fchown", slave, process.user.uid, UINT_MAX)
    for target in range(3):
        step("dup3", slave, target, 0)
    steps.keep_channel(channel)


def _send_descriptor(steps: ProcessScript, channel: int, fd: int) -> None:
    """sendmsg(2) of one byte and a descriptor."""
    script = steps.script
    vector = script.data(struct.pack("=QQ", script.data(b"R"), 1))
    control = struct.pack("=QiiiI", 20, socket.SOL_SOCKET, socket.SCM_RIGHTS, fd, 0)
    header = struct.pack("=QIIQQQQiI", 0, 0, 0, vector, 1, script.data(control), len(control), 0, 0)
    script.call("sendmsg", channel, script.data(header), 0)
