"""Workers on demand, and what happens when the nursery or a fork fails."""

import json
import os
import signal
from contextlib import closing

import pytest

from baleen.linux.fd import Fd
from baleen.runtime import nursery as nursery_module
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
    order = {"request": "/nonexistent", "has_cgroup": False}
    hired.sock.send(json.dumps(order).encode())
    assert hired.sock.recv(1000).startswith(b"!")
    dismiss(hired)


def test_one_waits_ahead(nursery, poller):
    while not nursery._ready:
        poller.run_once()
    found = []
    nursery.hire(found.append)
    assert found  # at once
    dismiss(found.pop())
    nursery.left()
    while not nursery._ready:
        poller.run_once()


def test_one_that_comes_back_is_used_again(nursery, poller):
    first = hire(nursery, poller)
    nursery.give_back(first)
    again = hire(nursery, poller)
    assert (again.pid, again.fresh) == (first.pid, False)
    nursery.give_back(again)
    found = []
    nursery.hire(found.append, fresh=True)
    while not found:
        poller.run_once()
    assert found[0].pid != first.pid
    assert found[0].fresh
    dismiss(found.pop())


def test_many_are_served_in_order_and_few_at_a_time(nursery, poller):
    found = []
    for number in range(7):
        nursery.hire(lambda hired, number=number: found.append((number, hired)))
    pids = set()
    for number in range(7):
        while not found:
            poller.run_once()
        served, hired = found.pop(0)
        assert served == number
        pids.add(hired.pid)
        nursery.give_back(hired)
    assert len(pids) <= max(2, os.cpu_count())


def test_one_that_is_stuck_holds_nobody_up_for_long(nursery, poller, monkeypatch):
    monkeypatch.setattr(nursery_module, "_PATIENCE_S", 0.01)
    stuck = [hire(nursery, poller) for _ in range(max(2, os.cpu_count()))]
    dismiss(hire(nursery, poller))
    for hired in stuck:
        dismiss(hired)


@pytest.mark.parametrize("keep_warm", [True, False])
def test_when_nothing_is_started_one_is_left(poller, monkeypatch, keep_warm):
    monkeypatch.setattr(nursery_module, "_IDLE_S", 0.01)
    with closing(Nursery(poller, object())) as nursery:
        nursery.keep_warm = keep_warm
        warm = [hire(nursery, poller), hire(nursery, poller)]
        for one in warm:
            nursery.give_back(one)
        while nursery._idle or nursery._leaving or nursery._expected:
            poller.run_once()
        (left,) = nursery._ready
        assert left.fresh is not keep_warm
        assert (left.pid in {one.pid for one in warm}) is keep_warm


def test_it_looks_again_when_warm_ones_are_not_wanted_any_more(poller, monkeypatch):
    monkeypatch.setattr(nursery_module, "_IDLE_S", 0.01)
    with closing(Nursery(poller, object())) as nursery:
        nursery.give_back(hire(nursery, poller))
        while nursery._idle:
            poller.run_once()
        nursery.keep_warm = False
        nursery.cool_later()
        while not (nursery._ready and nursery._ready[0].fresh):
            poller.run_once()


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


def test_what_unmounts_is_let_go_when_nothing_happens(nursery, poller, monkeypatch):
    monkeypatch.setattr(nursery_module, "_IDLE_S", 0.01)
    for _ in range(2):
        reading, writing = os.pipe()
        nursery.unmount(Fd(writing))
        pid = nursery._unmounter.pid
        assert parent_of(pid) == os.getpid()
        assert os.read(reading, 1) == b""
        os.close(reading)
        while os.path.exists(f"/proc/{pid}"):
            poller.run_once()


def test_a_worker_that_has_started_nothing_is_kept_while_nothing_happens(nursery, poller):
    while not nursery._ready:
        poller.run_once()
    (kept,) = nursery._ready
    nursery._cool()
    assert [*nursery._ready] == [kept]
    assert nursery._expected == 0
