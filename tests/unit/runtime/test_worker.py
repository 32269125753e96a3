"""The worker's side of a start, up to what needs a container (tests/integration/runtime)."""

from __future__ import annotations

import json
import os
import socket

import pytest

from baleen.runtime.worker import work


def forked(shim=None):
    """A worker of this process, or of one that is not its parent."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid() if shim is None else shim
    child = os.fork()
    if child == 0:
        ours.close()
        work(theirs, object(), parent)
    theirs.close()
    return ours, child


@pytest.fixture
def worker():
    ours, child = forked()
    yield ours, child
    ours.close()


def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_worker_whose_shim_has_gone_does_nothing():
    ours, child = forked(shim=1)
    with ours:
        assert ours.recv(100) == b""
    assert status_of(child) == 1


def test_a_worker_that_is_not_needed_ends(worker):
    ours, child = worker
    ours.close()
    assert status_of(child) == 0


def test_a_request_that_cannot_be_read_is_told(worker):
    ours, child = worker
    order = {"request": "/nonexistent/start.json", "has_cgroup": False}
    ours.send(json.dumps(order).encode())
    assert ours.recv(1000).startswith(b"!")
    assert ours.recv(1000) == b""
    assert status_of(child) == 0
