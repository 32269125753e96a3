import os
import socket
from contextlib import closing

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.execs import AttachOptions, ExecRequest, Execs
from baleen.runtime.failure import LaunchError
from baleen.runtime.poller import Poller
from baleen.runtime.stdio import close_stdio


class RefusingRunner:
    """A container in which nothing can be executed."""

    def exec_process(self, process, program, streams, on_end):
        ours, child = streams()
        for ends in (ours, child):
            if ends is not None:
                close_stdio(ends) if ends is child else ends.close()
        failure = LaunchError("exec", 2, 'exec: "x": executable file not found in $PATH', 127)
        on_end(failure, None)


class IdleRunner:
    """A container that does not run."""

    def exec_process(self, process, program, streams, on_end):
        raise InvalidArgument("the container is not running")


class SlowRunner:
    """A container that is being entered until the test ends it."""

    def exec_process(self, process, program, streams, on_end):
        self.on_end = on_end


def refuse(*_):
    pytest.fail("nothing ran")


@pytest.fixture
def execs():
    with closing(Poller()) as poller:
        yield Execs(poller, refuse, lambda: None)


def request(process, attach=None):
    return ExecRequest("e", process, open_stdin=True, attach=attach, seccomp_program=None)


def test_streams_are_numbers():
    options = AttachOptions(stdin=True, stdout=True, stderr=False, framed=True)
    assert options.streams == {1}


@pytest.mark.parametrize("process", [None, [], {"terminal": "yes"}])
def test_a_malformed_process_has_no_terminal(process):
    assert request(process).terminal is False


def attached(**options):
    return AttachOptions(stdin=True, stdout=True, stderr=True, framed=True, **options)


def test_a_failed_exec_leaves_no_descriptor_and_no_entry(execs):
    peer, other = socket.socketpair()
    fd = other.detach()
    before = len(os.listdir("/proc/self/fd"))
    found = []
    execs.start(
        RefusingRunner(), request({"args": ["x"], "cwd": "/"}, attached()), fd, found.append
    )
    assert found[0].exit_code == 127
    assert len(os.listdir("/proc/self/fd")) == before - 1
    assert execs.listing() == []
    assert execs.clients == 0
    peer.close()


def test_without_a_running_container_it_is_refused(execs):
    peer, other = socket.socketpair()
    with pytest.raises(InvalidArgument, match="not running"):
        execs.start(IdleRunner(), request({}, attached()), other.detach(), refuse)
    assert peer.recv(1) == b""
    peer.close()


def test_malformed_detach_keys_are_refused(execs):
    peer, other = socket.socketpair()
    attach = AttachOptions(stdin=True, stdout=True, stderr=True, framed=False, detach_keys="ctrl-1")
    with pytest.raises(InvalidArgument, match="detach keys"):
        execs.start(
            RefusingRunner(),
            request({"args": ["x"], "terminal": True}, attach),
            other.detach(),
            refuse,
        )
    assert peer.recv(1) == b""
    peer.close()


def test_what_is_on_its_way_in_is_waited_for_and_has_its_name(execs):
    runner, found, settled = SlowRunner(), [], []
    execs.start(runner, request({}), None, found.append)
    with pytest.raises(InvalidArgument, match="running already"):
        execs.start(runner, request({}), None, refuse)
    execs.when_settled(lambda: settled.append(True))
    assert not settled
    runner.on_end(LaunchError("enter", 0, "died", 128), None)
    assert (len(found), settled) == (1, [True])
    execs.when_settled(lambda: settled.append(True))
    assert settled == [True, True]


def test_resizing_what_does_not_run_says_so(execs):
    assert execs.resize("nobody", 80, 24) is False
