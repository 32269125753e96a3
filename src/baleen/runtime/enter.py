"""One more process in a running container, from fork to execve: the child of `exec_process`.

The intermediate process is forked on the host, outside the container's pid namespace. It joins
the cgroup and the other namespaces, drops every descriptor and every right, and only then clones
the process that the container can see. So a container that may trace (CAP_SYS_PTRACE) finds
nothing in it but what it already has (CVE-2016-9962).
"""

from __future__ import annotations

import os
import signal

from baleen.linux import namespaces as ns
from baleen.linux.process import set_parent_death_signal
from baleen.linux.pty import make_controlling
from baleen.linux.record import record
from baleen.runtime import hardening, sync
from baleen.runtime.devices import open_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.runtime.prepare import Prepared, Stdio

__all__ = ["EnterPlan", "enter", "run", "run_through_intermediate"]


@record(frozen=True, slots=True)
class EnterPlan:
    """All that the process needs; `container` is a pidfd, `namespaces` are CLONE_NEW* flags.

    `prepare` gives the process, in the child: what it loads is nothing to keep in the parent.
    """

    prepare: Callable[[], Prepared]
    terminal: bool
    stdio: Stdio | None
    container: int
    namespaces: int
    cgroup: Cgroup | None
    channel: int

    def descriptors(self) -> set[int]:
        """What must stay open after the fork."""
        stdio = self.stdio
        keep = {self.channel, self.container}
        return keep | ({stdio.stdin, stdio.stdout, stdio.stderr} if stdio else set())


def enter(plan: EnterPlan) -> NoReturn:
    """Run the process of `plan`, or be it; which of the two, the pid namespace decides."""
    if plan.namespaces & ns.CLONE_NEWPID:
        run_through_intermediate(plan)
    run(plan)


def run(plan: EnterPlan) -> NoReturn:
    """Be the process, in a container that shares our pid namespace; never returns."""

    def body(channel: sync.Channel) -> None:
        process, path = _enter(plan, channel)
        _finish(process, channel, path)

    sync.child_main(plan.channel, body)


def run_through_intermediate(plan: EnterPlan) -> NoReturn:
    """Strip and enter, clone the process as a sibling, tell its pid; never returns."""

    def body(channel: sync.Channel) -> None:
        process, path = _enter(plan, channel)
        if not process.terminal:
            _spawn(process, channel, path)
        channel.stage = "cloning the process into the container"
        pid = ns.clone_sibling()
        if pid:
            channel.send(b"P%d" % pid)
            os._exit(0)
        set_parent_death_signal(signal.SIGKILL)
        _finish(process, channel, path)

    sync.child_main(plan.channel, body)


def _spawn(process: Prepared, channel: sync.Channel, path: str) -> None:
    """Run `path` as our child by posix_spawn(3), tell its pid and end, which makes it our parent's.

    The C library clones without copying our memory, which saves a third of an exec. It knows no
    controlling terminal. Returns if the call was refused: that may be the program, or a filter
    that knows clone but not clone3, and the slower way will tell. With the container's PID 1 the
    process dies too, so it needs no death signal.
    """
    channel.stage = "exec"
    if process.seccomp is not None and process.no_new_privileges:
        return  # the filter comes last, after the clone
    os.umask(process.umask)
    try:
        close = [(os.POSIX_SPAWN_CLOSE, channel.fd)]
        pid = os.posix_spawn(path, process.argv, process.env, file_actions=close, setsid=True)
    except PermissionError:
        return
    except OSError as error:
        raise hardening.exec_failure(path, error) from error
    channel.send(b"P%d" % pid)
    os._exit(0)


def _enter(plan: EnterPlan, channel: sync.Channel) -> tuple[Prepared, str]:
    """Join, strip, and return the process and the path to execute."""
    sync.begin(plan.descriptors())
    channel.stage = "preparing the process"
    process = plan.prepare()
    _adjust_oom_score(process)
    channel.stage = "joining the cgroup"
    if plan.cgroup is not None:
        plan.cgroup.add(0)
    channel.stage = "joining the container's namespaces"
    ns.setns(plan.container, plan.namespaces)
    os.close(plan.container)
    channel.stage = "joining a session keyring"
    hardening.new_keyring()
    channel.stage = "opening the terminal"
    if plan.terminal:
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        master, slave = open_terminal(root)
        channel.send_with_fd(sync.MESSAGE_READY, master.fileno())
        hardening.use_terminal(slave, process, channel)
    else:
        hardening.use_stdio(process, channel)
    channel.stage = "entering the working directory"
    hardening.change_directory(process.cwd)
    channel.stage = "taking user and capabilities"
    hardening.become(process)
    channel.stage = "exec"
    return process, hardening.find_executable(os.fsdecode(process.argv[0]), process.search)


def _finish(process: Prepared, channel: sync.Channel, path: str) -> NoReturn:
    channel.stage = "exec"
    os.setsid()
    if process.terminal:
        make_controlling(0)
    hardening.filter_syscalls(process)
    hardening.execute(path, process)


def _adjust_oom_score(process: Prepared) -> None:
    if process.oom_score_adj is None:
        return
    fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(process.oom_score_adj).encode())
    except PermissionError:
        # Lowering needs CAP_SYS_RESOURCE, which a nested engine may lack; the score stays.
        return
    finally:
        os.close(fd)
