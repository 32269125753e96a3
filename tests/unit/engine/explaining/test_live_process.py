"""Reading a real process, this one, the way a container's is read."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from baleen.engine.explaining.live_process import namespace_ids, open_process, read_process
from baleen.errors import Conflict

with open("/proc/self/cgroup", encoding="utf-8") as file:
    OWN_GROUPS = file.read()


def test_a_process_is_read_whole():
    with open_process(os.getpid(), OWN_GROUPS.splitlines()[0]) as directory:
        found = read_process(directory, os.getpid())
    assert found.numbers("Uid")[0] == os.getuid()
    assert found.number("PPid") == os.getppid()
    assert found.namespaces["mount"] == os.readlink("/proc/self/ns/mnt")
    assert found.namespaces == found.host_namespaces
    assert any(line.target == "/" for line in found.mounts)
    assert found.limits["Max open files"][0].isdigit()
    assert [f"{controllers}:{path}" for controllers, path in found.cgroups] == [
        line.partition(":")[2] for line in OWN_GROUPS.splitlines()
    ]
    assert found.parent_name
    assert found.more_mounts is False
    with open("/proc/self/uid_map", encoding="ascii") as file:
        assert [line.split(" ") for line in found.uid_map] == [line.split() for line in file]
    assert found.mask("CapBnd") >= 0
    assert found.number("No such line") == 0
    assert found.mask("Uid") == 0 or os.getuid() != 0


def test_a_process_of_another_group_is_not_the_containers():
    with pytest.raises(Conflict, match="container abcdef is not running"):
        open_process(os.getpid(), "abcdef")


def test_a_process_that_has_ended_stays_ended():
    """The descriptor is of the process, not of its number."""
    child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    directory = open_process(child.pid, OWN_GROUPS.splitlines()[0])
    with directory:
        assert read_process(directory, child.pid).pid == child.pid
        child.communicate(b"\n")
        with pytest.raises(OSError):  # noqa: PT011  # ESRCH or ENOENT, as the kernel likes
            read_process(directory, child.pid)
        with pytest.raises(Conflict):
            open_process(child.pid, OWN_GROUPS.splitlines()[0])


def test_no_descriptor_is_left():
    before = os.listdir("/proc/self/fd")
    with open_process(os.getpid(), OWN_GROUPS.splitlines()[0]) as directory:
        namespace_ids(directory)
        read_process(directory, os.getpid())
    with pytest.raises(Conflict):
        open_process(os.getpid(), "abcdef")
    assert os.listdir("/proc/self/fd") == before
