import os
import signal
import socket

import pytest

from baleen.runtime import sync
from baleen.runtime.failure import decode_failure


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def _fork(theirs, body):
    pid = os.fork()
    if pid == 0:
        sync.child_main(theirs.fileno(), body)
    theirs.close()
    return pid


def test_a_childs_exception_reaches_the_parent_with_its_stage(pair):
    ours, theirs = pair

    def body(channel):
        channel.stage = "a step"
        raise FileNotFoundError(2, "x", "/path")

    pid = _fork(theirs, body)
    error = decode_failure(ours.recv(sync.CHANNEL_BYTES))
    assert str(error) == "a step: /path: no such file or directory"
    assert ours.recv(1) == b""
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_a_child_begins_with_default_signals_and_only_what_it_keeps(pair):
    ours, theirs = pair
    previous = signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def body(channel):
        sync.begin({channel.fd})
        with open("/proc/self/status") as file:
            status = dict(line.split(":\t") for line in file if ":\t" in line)
        channel.send(
            b"%s %d" % (status["SigIgn"].strip().encode(), len(os.listdir("/proc/self/fd")))
        )

    pid = _fork(theirs, body)
    signal.signal(signal.SIGUSR1, previous)
    # The channel, and the descriptor of the listing.
    assert ours.recv(100) == b"0000000000000000 2"
    os.waitpid(pid, 0)


def test_a_child_whose_parent_has_gone_does_not_go_on(pair):
    ours, theirs = pair

    def body(channel):
        os.close(ours.fileno())
        channel.wait_for(sync.MESSAGE_START)
        os._exit(77)

    pid = _fork(theirs, body)
    ours.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_a_descriptor_goes_along_with_a_message(pair):
    ours, theirs = pair
    sync.Channel(theirs.fileno()).send_with_fd(b"R", theirs.fileno())
    data, fds, _, _ = socket.recv_fds(ours, 10, 1)
    assert data == b"R"
    os.close(fds[0])
    theirs.send(b"still ours")
