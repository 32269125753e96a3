"""The last steps of every process of a container, written down as a script.

Streams, working directory, limits, user, capabilities, filter, and the execve of the program: each
function appends its steps, and says what a failure of them means in the words that Docker's users
know. What is computed here is computed outside; the process itself only makes the calls.

See: `baleen.linux.script`; credentials(7), capabilities(7), seccomp(2), execve(2).
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import struct

from baleen.linux import capabilities
from baleen.linux.calls import ARCHITECTURE
from baleen.linux.path import RESOLVE_NO_MAGICLINKS
from baleen.linux.script import FAILURE, Label, Script, Step
from baleen.linux.user_namespace import groups_are_fixed, in_first_user_namespace
from baleen.runtime.failure import (
    LaunchError,
    no_working_directory,
    not_executable,
    not_executed,
    not_in_path,
    outside_of_root,
    reason_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from baleen.runtime.prepare import Prepared, Stdio

__all__ = ["AT_FDCWD", "CHANNEL", "STAT_KIND", "UINT_MAX", "ProcessScript", "default_signals"]

# Where the channel to the parent is once the streams are in place, if the process gets no others.
CHANNEL: Final = 3
AT_FDCWD: Final = -100
UINT_MAX: Final = 0xFFFFFFFF
_UNLIMITED: Final = 0xFFFFFFFFFFFFFFFF
_X_OK: Final = 1
_PATH_MAX: Final = 4096
_OPEN_HOW: Final = struct.Struct("=QQQ")
_STAT_BYTES: Final = 144
# struct stat: the second byte of st_mode holds the kind.
STAT_KIND: Final = (24 if ARCHITECTURE == "x86_64" else 16) + 1
_DIRECTORY: Final = stat.S_IFDIR >> 8

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_KEEPCAPS: Final = 8
_PR_SET_NAME: Final = 15
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_CAP_AMBIENT_RAISE: Final = 2
_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAP_SYS_ADMIN: Final = 1 << capabilities.CAPABILITIES["CAP_SYS_ADMIN"]
_SECCOMP_SET_MODE_FILTER: Final = 1
_KEYCTL_JOIN_SESSION_KEYRING: Final = 1
_SIGNALS: Final = tuple(
    int(number)
    for number in range(1, signal.NSIG)
    if number in signal.valid_signals() and number not in (signal.SIGKILL, signal.SIGSTOP)
)
# The C library's own, which its posix_spawn leaves ignored.
_INTERNAL_SIGNALS: Final = (32, 33)


def default_signals() -> tuple[int, ...]:
    """The signals whose disposition posix_spawn(3) has to reset."""
    return _SIGNALS


class ProcessScript:
    """A script under construction, and what its failures mean.

    Attributes:
        channel: where the channel to the parent is once the streams are in place: above them and
            the descriptors 3 to 3 + `preserved` that the process gets too.
    """

    def __init__(self, preserved: int = 0) -> None:
        self.script = Script()
        self.channel = CHANNEL + preserved
        self._stage = "init"
        # By index of the first step that they are about.
        self._stages: list[tuple[int, str]] = []
        self._meanings: dict[int, Callable[[int], LaunchError]] = {}

    # -- failures ---------------------------------------------------------------------------------

    def stage(self, name: str) -> None:
        """Name what the next steps do."""
        self._stages.append((len(self.script), name))

    def means(self, step: Step, meaning: Callable[[int], LaunchError]) -> None:
        """Say what the failure of a step, with its errno, is."""
        self._meanings[step.index] = meaning

    def failure(self, message: bytes) -> LaunchError:
        """What the message of a script that has failed means."""
        address, number = FAILURE.unpack(message)
        index = self.script.failed_step(address)
        meaning = self._meanings.get(index)
        if meaning is not None:
            return meaning(number)
        stage = "init"
        for first, name in self._stages:
            if first <= index:
                stage = name
        return LaunchError(stage, number, f"{stage}: {reason_of(number)}")

    # -- the beginning ----------------------------------------------------------------------------

    def begin(self, name: str) -> None:
        """Be invisible to others without CAP_SYS_PTRACE, die with the parent, ignore nothing."""
        script = self.script
        self.stage("init")
        script.call("prctl", _PR_SET_DUMPABLE, 0)
        self.die_with_parent()
        script.call("prctl", _PR_SET_NAME, script.text(name))
        default = script.data(bytes(32))
        for number in _INTERNAL_SIGNALS:
            script.call("rt_sigaction", number, default, 0, 8)

    def die_with_parent(self, number: int = signal.SIGKILL) -> None:
        """Have the kernel send signal `number`, 0 for none, when the parent ends."""
        self.script.call("prctl", _PR_SET_PDEATHSIG, number)

    def adjust_oom_score(self, process: Prepared) -> None:
        """Take the process's score; lowering needs CAP_SYS_RESOURCE, without it the score stays."""
        if process.oom_score_adj is None:
            return
        self.stage("setting oom_score_adj")
        self.write("/proc/self/oom_score_adj", b"%d" % process.oom_score_adj, errno.EACCES)

    def write(self, path: str, content: bytes, ignore: int = 0) -> None:
        """Write to a file of the host's; its descriptor goes with all others."""
        script = self.script
        opened = script.call("openat", AT_FDCWD, script.text(path), os.O_WRONLY | os.O_CLOEXEC)
        written = script.call("write", 0, script.data(content), len(content), ignore=ignore)
        script.hand_on(opened, written, 0)

    def new_keyring(self) -> None:
        """Leave the daemon's session keyring; a kernel without keyrings has nothing to leave."""
        self.stage("joining a session keyring")
        self.script.call("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0, ignore=errno.ENOSYS)

    # -- streams and place ------------------------------------------------------------------------

    def use_stdio(self, process: Prepared, stdio: Stdio, channel: int) -> None:
        """Put the descriptors, none of them below 3, at 0, 1, 2, the channel behind, and no others.

        Pipes and sockets become the user's, as it may want to reopen /dev/stdout.
        """
        script = self.script
        self.stage("taking the standard streams")
        for target, fd in enumerate((stdio.stdin, stdio.stdout, stdio.stderr)):
            script.call("dup3", fd, target, 0)
            kind = os.fstat(fd).st_mode
            # A file or device of the host that was handed in stays its owner's.
            if process.user.uid and (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
                script.call("fchown", target, process.user.uid, UINT_MAX, ignore=errno.EPERM)
        self.keep_channel(channel)

    def keep_channel(self, channel: int) -> None:
        """Put the channel in its place and close all that is above."""
        script = self.script
        if channel != self.channel:
            script.report_to(script.call("dup3", channel, self.channel, os.O_CLOEXEC))
        script.call("close_range", self.channel + 1, UINT_MAX, 0)

    def change_directory(self, cwd: str) -> None:
        """Enter the working directory, and make sure that it lies inside the root.

        Magic links (/proc/self/fd/N) are refused, and what getcwd(2) says is checked afterwards
        (CVE-2024-21626).
        """
        script = self.script

        def no_entry(number: int) -> LaunchError:
            return no_working_directory(cwd, number)

        self.stage("entering the working directory")
        # We are rooted where the path is, so that no walk has to be confined.
        how = script.data(
            _OPEN_HOW.pack(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS)
        )
        found = script.call("openat2", AT_FDCWD, script.text(cwd), how, _OPEN_HOW.size)
        self.means(found, no_entry)
        entered = script.call("fchdir", 0)
        self.means(entered, no_entry)
        script.hand_on(found, entered, 0)
        script.call("close_range", self.channel + 1, UINT_MAX, 0)
        here = script.data(bytes(_PATH_MAX))
        script.call("getcwd", here, _PATH_MAX)
        inside = Label()
        script.jump_if_equal(here, 0xFF, ord("/"), inside)
        self.means(script.fail(), lambda _number: outside_of_root())
        script.place(inside)

    # -- rights -----------------------------------------------------------------------------------

    def become_root(self) -> int:
        """Be root of the user namespace that was just entered; returns the capabilities held."""
        script = self.script
        self.stage("becoming root of the user namespace")
        script.call("setgroups", 0, 0)
        script.call("setresgid", 0, 0, 0)
        script.call("setresuid", 0, 0, 0)
        script.call("prctl", _PR_SET_DUMPABLE, 0)
        self.die_with_parent()
        return (1 << capabilities.last_cap() + 1) - 1

    def become(self, process: Prepared, held: int) -> None:
        """Take the limits, the user and the capabilities; with no_new_privs not yet the filter.

        `held` are the permitted capabilities of the process that runs this.
        """
        script, user, wanted = self.script, process.user, process.capabilities
        if process.scheduling is not None:
            process.scheduling.append(self)
        self.stage("taking user and capabilities")
        for number, soft, hard in process.rlimits:
            limit = script.data(struct.pack("=QQ", soft & _UNLIMITED, hard & _UNLIMITED))
            script.call("prlimit64", 0, number, limit, 0)
        # In a user namespace it may be more than ours.
        for number in capabilities.numbers_of((_bounding() | held) & ~wanted.bounding):
            script.call("prctl", _PR_CAPBSET_DROP, number)
        script.call("prctl", _PR_SET_KEEPCAPS, 1)
        gids = user.additional_gids
        groups = script.data(struct.pack(f"={len(gids)}I", *gids))
        # With one id (see linux.user_namespace) there are no other groups to have.
        if in_first_user_namespace() or not groups_are_fixed():
            script.call("setgroups", len(gids), groups)
        script.call("setresgid", user.gid, user.gid, user.gid)
        script.call("setresuid", user.uid, user.uid, user.uid)
        # A change of user clears the death signal; it is also why the flag is set again.
        script.call("prctl", _PR_SET_DUMPABLE, 0)
        self.die_with_parent()
        if process.no_new_privileges:
            script.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        elif process.seccomp is not None:
            self._capset(held & _CAP_SYS_ADMIN, held, 0)
            self._filter(process.seccomp, process.seccomp_flags)
        self._capset(wanted.effective, wanted.permitted, wanted.inheritable)
        script.call("prctl", _PR_SET_KEEPCAPS, 0)
        if wanted.ambient:
            script.call("prctl", _PR_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
            for number in capabilities.numbers_of(wanted.ambient):
                script.call("prctl", _PR_CAP_AMBIENT, _CAP_AMBIENT_RAISE, number, 0, 0)

    def _capset(self, effective: int, permitted: int, inheritable: int) -> None:
        script, low = self.script, 0xFFFFFFFF
        header = script.data(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
        sets = (effective, permitted, inheritable)
        halves = (*(one & low for one in sets), *(one >> 32 for one in sets))
        script.call("capset", header, script.data(struct.pack("=6I", *halves)))

    def _filter(self, program: bytes, flags: int) -> None:
        script = self.script
        instructions = script.data(program)
        described = script.data(struct.pack("=HxxxxxxQ", len(program) // 8, instructions))
        script.call("seccomp", _SECCOMP_SET_MODE_FILTER, flags, described)

    def filter_syscalls(self, process: Prepared) -> None:
        """Install the filter if `become` could not: after this only the program should follow."""
        if process.seccomp is not None and process.no_new_privileges:
            self.stage("installing the seccomp filter")
            self._filter(process.seccomp, process.seccomp_flags)

    # -- the program ------------------------------------------------------------------------------

    def execute(self, process: Prepared) -> None:
        """Find the program as Go's exec.LookPath does, and execute it, with the umask wanted."""
        script = self.script
        self.stage("exec")
        script.call("umask", process.umask)
        name = os.fsdecode(process.argv[0])
        arguments = script.vector(process.argv)
        environment = script.vector(key + b"=" + value for key, value in process.env.items())
        found = script.data(bytes(_STAT_BYTES))
        if "/" in name:
            self._execute_this(name, found, arguments, environment)
            return
        for directory in process.search if name else ():
            path = f"{directory or '.'}/{name}"
            self._execute_if_there(path, found, arguments, environment)
        self.means(script.fail(), lambda _number: not_in_path(name))

    def _execute_this(self, name: str, found: int, arguments: int, environment: int) -> None:
        script = self.script
        path = script.text(name)
        looked = script.call("newfstatat", AT_FDCWD, path, found, 0)
        self.means(looked, lambda number: not_executable(name, number, f"stat {name}: "))
        directory = Label()
        script.jump_if_equal(found + STAT_KIND, 0xF0, _DIRECTORY, directory)
        allowed = script.call("faccessat", AT_FDCWD, path, _X_OK)
        self.means(allowed, lambda number: not_executable(name, number))
        self._execve(name, path, arguments, environment)
        script.place(directory)
        self.means(script.fail(), lambda _number: not_executable(name, errno.EISDIR))

    def _execute_if_there(self, name: str, found: int, arguments: int, environment: int) -> None:
        script, following = self.script, Label()
        path = script.text(name)
        script.call("faccessat", AT_FDCWD, path, _X_OK, otherwise=following)
        script.call("newfstatat", AT_FDCWD, path, found, 0, otherwise=following)
        script.jump_if_equal(found + STAT_KIND, 0xF0, _DIRECTORY, following)
        self._execve(name, path, arguments, environment)
        script.place(following)

    def _execve(self, name: str, path: int, arguments: int, environment: int) -> None:
        step = self.script.call("execve", path, arguments, environment)
        self.means(step, lambda number: not_executed(name, number))


_bounding_set: list[int] = []


def _bounding() -> int:
    """Our own bounding set, which nothing of this process changes."""
    if not _bounding_set:
        _bounding_set.append(capabilities.available())
    return _bounding_set[0]
