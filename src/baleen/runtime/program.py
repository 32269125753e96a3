"""`baleen-runtime` as a process: what has to be so before the command line is looked at.

What a container executes may be a link to /proc/self/exe, or a script that names it as its
interpreter: then our interpreter runs in the container, and whoever is root there can open it by
/proc/PID/exe and write to it once nothing executes it (CVE-2019-5736). So the commands that become
a container's program run from a read-only copy of the mount that the interpreter lies on. No
right in a container makes that writable.

See: open_tree(2), mount_setattr(2), proc_pid_exe(5).
"""

from __future__ import annotations

import errno
import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

__all__ = ["go_read_only", "program"]

_ENTERING: Final = frozenset({"create", "run", "exec"})
_EXE: Final = "/proc/self/exe"


def go_read_only() -> None:
    """Execute our own command line again from a read-only mount, unless we already are on one.

    Raises OSError.
    """
    if os.statvfs(_EXE).f_flag & os.ST_RDONLY:
        return
    from baleen.linux.mount import MOUNT_ATTR_RDONLY, mount_setattr, open_tree

    path = os.readlink(_EXE)
    # All of "/", so that the path stays what it is: the interpreter's libraries may be found by it.
    # With the mounts below only if the interpreter is on one of them, or if it has to be: in a
    # mount namespace of a user namespace, mounts of the host come as one.
    for recursive in (False, True):
        try:
            copied = open_tree("/", recursive=recursive)
        except OSError as error:
            if recursive or error.errno != errno.EINVAL:
                raise
            continue
        with copied as tree:
            copy = f"/proc/self/fd/{tree.fileno()}{path}"
            try:
                same = os.path.samestat(os.stat(copy), os.stat(_EXE))
            except FileNotFoundError:
                same = False
            if same:
                mount_setattr(tree.fileno(), set_=MOUNT_ATTR_RDONLY, recursive=recursive)
                os.execve(copy, sys.orig_argv, os.environ)  # noqa: S606  # no shell
    raise FileNotFoundError(f"cannot find the interpreter at {path}: was it replaced just now?")


def program() -> NoReturn:
    """Be the whole program: with open standard streams, and without tidying memory at the end."""
    gc.disable()  # what a command makes is less than a collection costs
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open("/dev/null", os.O_RDWR)  # the lowest number is the missing one
    # The word may be an argument of another command: then this is only not needed.
    if not _ENTERING.isdisjoint(sys.argv[1:]) and os.geteuid() == 0:
        go_read_only()
    from baleen.runtime.main import main

    try:
        code = main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    os._exit(code)


if __name__ == "__main__":
    program()
