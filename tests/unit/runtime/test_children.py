import os

import pytest

from baleen.linux.process import pidfd_open
from baleen.runtime.children import destroy, own_child
from baleen.runtime.failure import LaunchError


def child():
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/sleep", ["sleep", "1000"])
    return pid


def test_only_our_own_children_are_accepted():
    with pytest.raises(LaunchError, match="not ours"):
        own_child(os.getppid())
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    own_child(pid).close()
    os.waitpid(pid, 0)


def test_what_is_destroyed_is_gone_and_reaped():
    pid = child()
    pidfd = pidfd_open(pid)
    destroy(pidfd)
    assert pidfd.closed
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)
    destroy(pidfd)
