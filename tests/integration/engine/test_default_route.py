"""The default route of a process' network namespace."""

from __future__ import annotations

import os
import subprocess

import pytest

from baleen.engine.default_route import set_default_route

pytestmark = pytest.mark.integration

SETUP = (
    "ip link add d0 type veth peer name d1 && ip link set d0 up && ip link set d1 up && "
    "ip addr add 10.5.0.2/24 dev d0 && ip addr add 10.6.0.2/24 dev d1 && echo ready && exec cat"
)


@pytest.fixture
def process():
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", SETUP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield child
        child.stdin.close()


def routes(pid: int) -> str:
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "route", "show", "default"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_default_route_is_set_and_replaced(process):
    here = os.readlink("/proc/thread-self/ns/net")
    set_default_route(process.pid, "d0", "10.5.0.1")
    assert routes(process.pid).startswith("default via 10.5.0.1 dev d0")
    set_default_route(process.pid, "d1", "10.6.0.1")
    assert routes(process.pid).startswith("default via 10.6.0.1 dev d1")
    assert "\n" not in routes(process.pid)
    assert os.readlink("/proc/thread-self/ns/net") == here


def test_an_interface_that_is_not_there(process):
    with pytest.raises(OSError, match="no interface with this name"):
        set_default_route(process.pid, "d9", "10.5.0.1")
