"""Entering that fails before there is a container; the rest is tests/integration/runtime."""

import os

import pytest

from baleen.linux import namespaces as ns
from baleen.linux.process import pidfd_open
from baleen.linux.record import replace
from baleen.runtime.enter import EnterPlan, _written, enter
from baleen.runtime.failure import LaunchError
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.spec import parse_process


def plan(container, namespaces, members=(), **fields):
    with open(os.devnull) as null:
        fd = os.dup(null.fileno())
    stdio = None if fields.get("terminal") else Stdio(fd, fd, fd)
    process = prepare(parse_process({"args": ["true"], "cwd": "/", **fields}), stdio, None)
    return EnterPlan(process, container, namespaces, members), fd


@pytest.mark.parametrize("namespaces", [0, ns.CLONE_NEWPID])
@pytest.mark.parametrize("terminal", [False, True])
def test_what_cannot_be_joined_is_told_and_nothing_is_left(namespaces, terminal):
    before, left = os.listdir("/proc/self/fd"), children()
    wanted, fd = plan(0, namespaces, terminal=terminal)
    with pytest.raises(LaunchError, match="joining the container's namespaces"):
        enter(wanted)
    os.close(fd)
    assert os.listdir("/proc/self/fd") == before
    assert children() == left


def test_a_control_group_that_is_not_there_is_told():
    with pidfd_open(os.getpid()) as pidfd:
        wanted, fd = plan(pidfd.fileno(), 0, ("/nonexistent/cgroup.procs",))
        with pytest.raises(LaunchError, match="joining the cgroup: no such file"):
            enter(wanted)
        os.close(fd)


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


def test_the_same_again_is_not_written_again():
    wanted, fd = plan(3, 0)
    os.close(fd)
    first = _written(wanted, 4, 20)
    again = EnterPlan(replace(wanted.process), 3, 0, ())
    assert _written(again, 4, 20) is first
    others = [
        (replace(wanted, container=5), 4, 20),
        (replace(wanted, process=replace(wanted.process, argv=(b"false",))), 4, 20),
        (replace(wanted, members=("/x",)), 4, 20),
        (wanted, 5, 20),
        (wanted, 4, 21),
    ]
    for other in others:
        steps, image = _written(*other)
        assert steps is not first[0]
        assert image != first[1] or other[2] != 20
