"""The shim's side of an exec, with processes that enter nothing; see tests/integration/runtime."""

import os
import socket
from contextlib import closing

import pytest

from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.process import wait_pidfd
from baleen.runtime.entry import Entry
from baleen.runtime.failure import LaunchError, encode_failure
from baleen.runtime.nursery import Hired
from baleen.runtime.poller import Poller
from baleen.runtime.protocol import decode, receive


@pytest.fixture
def poller():
    with closing(Poller()) as poller:
        yield poller


def enter(poller, act, namespaces=0):
    """What comes of an exec by a worker that does `act(socket, order, fds)` and ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        data, fds = receive(theirs)
        act(theirs, decode(data), fds)
        os._exit(7)
    theirs.close()
    found = []
    with open(os.devnull) as null:
        order = {"process": {"args": ["x"]}, "namespaces": namespaces}
        Entry(poller, Hired(pid, ours), order, [null.fileno()], found.append)
    while not found:
        poller.run_once()
    return found.pop()


def reap(process):
    with process.pidfd:
        return wait_pidfd(process.pidfd.fileno())


def test_without_a_pid_namespace_it_is_the_worker(poller):
    process = enter(poller, lambda *_: None)
    assert process.console is None
    assert reap(process) == 7


def test_its_order_and_descriptors_arrive(poller):
    def act(_sock, order, fds):
        os._exit(len(fds) if order["op"] == "exec" and order["process"] == {"args": ["x"]} else 99)

    assert reap(enter(poller, act)) == 1


def test_otherwise_it_is_the_child_that_the_worker_leaves_us(poller):
    def act(sock, _order, _fds):
        pid = os.fork()
        if pid == 0:
            os._exit(3)
        sock.send(b"P%d" % pid)

    assert reap(enter(poller, act, ns.CLONE_NEWPID)) == 3


def test_a_terminal_comes_with_it(poller):
    def act(sock, _order, _fds):
        with open(os.devnull) as file:
            socket.send_fds(sock, [b"R"], [file.fileno()])

    process = enter(poller, act)
    assert os.readlink(f"/proc/self/fd/{process.console.fileno()}") == os.devnull
    process.console.close()
    reap(process)


@pytest.mark.parametrize("namespaces", [0, ns.CLONE_NEWPID])
def test_a_failure_leaves_neither_process_nor_descriptor(poller, namespaces):
    def act(sock, _order, _fds):
        with open(os.devnull) as file:
            socket.send_fds(sock, [b"R"], [file.fileno()])
        sock.send(encode_failure("exec", LaunchError("exec", 2, "no such program", 127)))

    before = os.listdir("/proc/self/fd")
    failure = enter(poller, act, namespaces)
    assert (str(failure), failure.exit_code) == ("no such program", 127)
    assert os.listdir("/proc/self/fd") == before


def test_a_worker_that_dies_without_a_word_is_a_failure(poller):
    failure = enter(poller, lambda *_: os._exit(9), ns.CLONE_NEWPID)
    assert "died" in str(failure)


def test_a_process_that_is_not_ours_is_not_taken(poller):
    failure = enter(poller, lambda sock, *_: sock.send(b"P1"), ns.CLONE_NEWPID)
    assert "not ours" in str(failure)


def test_pidfds_are_owned(poller):
    process = enter(poller, lambda *_: None)
    assert isinstance(process.pidfd, Fd)
    reap(process)
