"""Workers on demand, and what happens when the nursery or a fork fails."""

import json
import os
import signal
from contextlib import closing

import pytest

from baleen.runtime.nursery import Nursery
from baleen.runtime.poller import Poller


@pytest.fixture
def poller():
    with closing(Poller()) as poller:
        yield poller


@pytest.fixture
def nursery(poller):
    with closing(Nursery(poller, object())) as nursery:
        yield nursery


def hire(nursery, poller):
    found = []
    nursery.hire(found.append)
    while not found:
        poller.run_once()
    return found.pop()


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def dismiss(hired):
    hired.sock.close()
    assert os.waitpid(hired.pid, 0) == (hired.pid, 0)


def test_a_worker_is_our_child_and_obeys(nursery, poller):
    hired = hire(nursery, poller)
    assert parent_of(hired.pid) == os.getpid()
    order = {"op": "start", "request": "/nonexistent", "has_cgroup": False}
    hired.sock.send(json.dumps(order).encode())
    assert hired.sock.recv(1000).startswith(b"!")
    dismiss(hired)


def test_one_waits_ahead(nursery, poller):
    first = hire(nursery, poller)
    while not nursery._ready:
        poller.run_once()
    second = []
    nursery.hire(second.append)
    assert second  # at once
    for hired in (first, *second):
        dismiss(hired)


def test_many_are_served_in_order(nursery, poller):
    found = []
    for number in range(5):
        nursery.hire(lambda hired, number=number: found.append((number, hired)))
    while len(found) < 5:
        poller.run_once()
    assert [number for number, _ in found] == list(range(5))
    assert len({hired.pid for _, hired in found}) == 5
    for _, hired in found:
        dismiss(hired)


def test_a_nursery_that_was_killed_is_replaced(nursery, poller):
    while not nursery._ready:
        poller.run_once()
    killed = nursery.pid
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    hired = [hire(nursery, poller) for _ in range(3)]
    assert nursery.pid != killed
    for one in hired:
        dismiss(one)


def test_a_worker_ends_when_nobody_has_an_order_for_it(nursery, poller):
    dismiss(hire(nursery, poller))


def test_closing_it_leaves_no_child_and_no_descriptor(poller):
    before = os.listdir("/proc/self/fd")
    nursery = Nursery(poller, object())
    hired = hire(nursery, poller)
    dismiss(hired)
    nursery.close()
    nursery.close()
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(nursery.pid, os.WNOHANG)
