"""What fails because a container ended a moment ago."""

import errno
import os
from types import SimpleNamespace

import pytest

from baleen.engine.ended import has_ended, unless_ended
from baleen.errors import Conflict
from baleen.linux.cgroup import CgroupError


def record(pid):
    return SimpleNamespace(id="abc", pid=pid)


def test_a_group_that_is_gone_is_a_container_that_is_not_running():
    with (
        pytest.raises(Conflict, match="container abc is not running"),
        unless_ended(record(os.getpid())),
    ):
        raise CgroupError("freeze", "cannot freeze", errno=errno.ENOENT)


def test_what_is_wrong_with_one_that_runs_stays_as_it_is():
    with (
        pytest.raises(CgroupError, match="a process did not stop"),
        unless_ended(record(os.getpid())),
    ):
        raise CgroupError("freeze", "a process did not stop", errno=errno.ETIMEDOUT)


def test_a_zombie_and_a_reaped_process_have_ended():
    assert not has_ended(os.getpid())
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(pid)
    os.waitpid(pid, 0)
    assert has_ended(pid)
