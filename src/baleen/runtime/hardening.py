"""Turning our child into the process that was asked for: identity, rights, filter, program.

::

    cwd, scheduling, rlimits, bounding set, groups, user      with all rights still there
    without no_new_privs: the filter, then capset  (a filter needs CAP_SYS_ADMIN)
    with no_new_privs:    capset, then the filter  (which needs no right then)
    execve

So under the filter only capset, prctl and what the caller still does are called.

See: capabilities(7), credentials(7), seccomp(2), prctl(2); the order of runc is the same.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import stat

from baleen.linux import capabilities, pty
from baleen.linux.keyring import join_session_keyring
from baleen.linux.path import getcwd, open_in_root
from baleen.linux.process import (
    close_all_except,
    set_dumpable,
    set_keep_capabilities,
    set_no_new_privileges,
    set_parent_death_signal,
)
from baleen.linux.seccomp import SECCOMP_FILTER_FLAG_NEW_LISTENER, install_filter
from baleen.linux.user_namespace import groups_are_fixed, in_first_user_namespace
from baleen.runtime.failure import (
    LaunchError,
    no_working_directory,
    not_executable,
    not_executed,
    not_in_path,
    outside_of_root,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, NoReturn

    from baleen.linux.fd import Fd
    from baleen.runtime.prepare import Prepared
    from baleen.runtime.sync import Channel

__all__ = [
    "become",
    "become_root",
    "change_directory",
    "execute",
    "filter_syscalls",
    "find_executable",
    "new_keyring",
    "use_stdio",
    "use_terminal",
]

_CAP_SYS_ADMIN: Final = 1 << capabilities.CAPABILITIES["CAP_SYS_ADMIN"]


def new_keyring() -> None:
    """Leave the session keyring of the daemon; kernels without keyrings have nothing to leave."""
    try:
        join_session_keyring()
    except OSError as error:
        # EDQUOT: the user's key quota is used up; the old keyring would stay, so do not go on.
        if error.errno != errno.ENOSYS:
            raise


def _give(fd: int, prepared: Prepared) -> None:
    """Let the process's user own its stream, as it may want to reopen /dev/stdout."""
    user = prepared.user
    if user.uid == 0:
        return
    found = os.fstat(fd)
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == os.makedev(1, 3):
        return  # /dev/null of the host must not change its owner
    if not (stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode)):
        return  # a file or device of the host that was handed in stays its owner's
    with contextlib.suppress(PermissionError):
        os.fchown(fd, user.uid, -1)


def use_stdio(prepared: Prepared, channel: Channel, keep: tuple[int, ...] = ()) -> None:
    """Put the prepared descriptors at 0, 1, 2, and close all but them, the channel and `keep`."""
    assert prepared.stdio is not None
    given = prepared.stdio
    _place((given.stdin, given.stdout, given.stderr), prepared, channel, keep)
    for target in range(3):
        _give(target, prepared)


def use_terminal(
    slave: Fd, prepared: Prepared, channel: Channel, keep: tuple[int, ...] = ()
) -> None:
    """Put the terminal at 0, 1, 2, and close all but it, the channel and `keep`."""
    if prepared.console_size is not None:
        pty.set_window_size(slave.fileno(), *prepared.console_size)
    if prepared.user.uid:
        os.fchown(slave.fileno(), prepared.user.uid, -1)
    _place((slave.fileno(),) * 3, prepared, channel, keep)


def _place(
    streams: tuple[int, int, int], prepared: Prepared, channel: Channel, keep: tuple[int, ...]
) -> None:
    # The channel moves too, and is close-on-exec, as every descriptor is that dup(2) gives here.
    copies = [os.dup(fd) for fd in (*streams, channel.fd)]
    # None of the copies is overwritten below unless 0 to 2 were free: out of the way with those.
    while min(copies) <= 2:
        copies = [os.dup(fd) for fd in copies]
    for target in range(3):
        os.dup2(copies[target], target)
    channel.fd = copies[3]
    for fd in prepared.preserved:
        os.set_inheritable(fd, True)
    close_all_except({0, 1, 2, channel.fd, *prepared.preserved, *keep})
    # To the lowest number: 3, if nothing is to be kept.
    lowest = os.dup(channel.fd)
    os.close(channel.fd)
    channel.fd = lowest


def change_directory(cwd: str) -> None:
    """Enter the working directory, and make sure that it lies inside the root.

    Magic links (/proc/self/fd/N) are refused, and what getcwd(2) says is checked afterwards
    (CVE-2024-21626). Raises LaunchError with the text that runc gives.
    """
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open_in_root(root, cwd, os.O_PATH | os.O_DIRECTORY) as directory:
            os.fchdir(directory.fileno())
    except OSError as error:
        raise no_working_directory(cwd, error.errno or 0) from error
    finally:
        os.close(root)
    if not getcwd().startswith(b"/"):
        raise outside_of_root()


def become_root() -> None:
    """Be user and group 0 of the user namespace that was just entered, with all rights in it.

    Raises LaunchError if it has no such user.
    """
    try:
        os.setgroups(())
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        message = "the user namespace has no mapping for user 0 or group 0"
        raise LaunchError("user namespace", errno.EINVAL, message, 128) from error
    # Both are lost with the old identity.
    set_dumpable(dumpable=False)
    set_parent_death_signal(signal.SIGKILL)


def become(prepared: Prepared, hand_over: Callable[[int], None] | None = None) -> None:
    """Take scheduling, limits, user and capabilities; with no_new_privs not yet the filter.

    `hand_over` gets the listener of a filter that notifies. Raises OSError; the process then holds
    a mixture and must not go on.
    """
    if prepared.scheduling is not None:
        prepared.scheduling.apply()
    for number, soft, hard in prepared.rlimits:
        try:
            resource.setrlimit(number, (soft, hard))
        except ValueError as error:  # Python's word for EPERM
            message = f"error setting rlimit type {number} to {soft}, {hard}: {error}"
            raise LaunchError("rlimits", errno.EPERM, message, 128) from error
    user, wanted = prepared.user, prepared.capabilities
    capabilities.drop_bounding(wanted.bounding)
    early_filter = prepared.seccomp is not None and not prepared.no_new_privileges
    set_keep_capabilities(keep=True)
    try:
        os.setgroups(user.additional_gids)
    except PermissionError:
        # With one id there are no other groups to have.
        if in_first_user_namespace() or not groups_are_fixed():
            raise
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    # A change of user clears the death signal; it is also why the flag is set again.
    set_dumpable(dumpable=False)
    set_parent_death_signal(signal.SIGKILL)
    if prepared.no_new_privileges:
        set_no_new_privileges()
    if early_filter:
        _, permitted, inheritable = capabilities.capget()
        capabilities.capset(permitted & _CAP_SYS_ADMIN, permitted, inheritable)
        _install(prepared, hand_over)
    capabilities.capset(wanted.effective, wanted.permitted, wanted.inheritable)
    set_keep_capabilities(keep=False)
    if wanted.ambient:
        capabilities.set_ambient(wanted.ambient)


def filter_syscalls(prepared: Prepared, hand_over: Callable[[int], None] | None = None) -> None:
    """Install the filter if `become` could not: after this only execve should follow."""
    if prepared.outlives_parent:
        set_parent_death_signal(0)
    if prepared.seccomp is not None and prepared.no_new_privileges:
        _install(prepared, hand_over)


def _install(prepared: Prepared, hand_over: Callable[[int], None] | None) -> None:
    assert prepared.seccomp is not None
    listener = install_filter(prepared.seccomp, prepared.seccomp_flags)
    if prepared.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER:
        if hand_over is not None:
            hand_over(listener)
        os.close(listener)


def _executable(path: str) -> OSError | None:
    """Why `path` cannot be executed, in the order in which Go's exec.LookPath finds out."""
    try:
        found = os.stat(path)
    except OSError as error:
        error.add_note("stat")
        return error
    if stat.S_ISDIR(found.st_mode):
        return OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not found.st_mode & 0o111 or not os.access(path, os.X_OK):
        return OSError(errno.EACCES, os.strerror(errno.EACCES))
    return None


def find_executable(name: str, search: tuple[str, ...]) -> str:
    """The path to execute for `name`: itself if it has a slash, else the first hit in `search`.

    Raises LaunchError with the texts of Go's os/exec, which Docker's clients know.
    """
    if "/" in name:
        error = _executable(name)
        if error is None:
            return name
        what = f"stat {name}: " if getattr(error, "__notes__", None) else ""
        raise not_executable(name, error.errno or 0, what)
    for directory in search if name else ():
        path = f"{directory or '.'}/{name}"
        if _executable(path) is None:
            return path
    raise not_in_path(name)


def execute(path: str, prepared: Prepared) -> NoReturn:
    """execve(2) with the umask of the process; descriptors but 0, 1, 2 close by themselves.

    Raises LaunchError.
    """
    os.umask(prepared.umask)
    try:
        os.execve(path, prepared.argv, prepared.env)  # noqa: S606  # a shell is not wanted
    except OSError as error:
        raise not_executed(path, error.errno or 0) from error
