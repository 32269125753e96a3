import os
import socket
from contextlib import closing

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.execs import AttachOptions, ExecRequest, Execs
from baleen.runtime.failure import LaunchError
from baleen.runtime.poller import Poller


class RefusingRunner:
    """A container in which nothing can be executed."""

    def exec_process(self, process, program, stdio):
        raise LaunchError("exec", 2, 'exec: "x": executable file not found in $PATH', 127)


@pytest.fixture
def execs():
    with closing(Poller()) as poller:
        yield Execs(poller, lambda *_: pytest.fail("nothing ran"), lambda: None)


def request(process, attach=None):
    return ExecRequest("e", process, open_stdin=True, attach=attach, seccomp_program=None)


def test_streams_are_numbers():
    options = AttachOptions(stdin=True, stdout=True, stderr=False, framed=True)
    assert options.streams == {1}


@pytest.mark.parametrize("process", [None, [], {"terminal": "yes"}])
def test_a_malformed_process_has_no_terminal(process):
    assert request(process).terminal is False


def test_a_failed_exec_leaves_no_descriptor_and_no_entry(execs):
    peer, other = socket.socketpair()
    attach = AttachOptions(stdin=True, stdout=True, stderr=True, framed=True)
    fd = other.detach()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LaunchError) as caught:
        execs.start(RefusingRunner(), request({"args": ["x"], "cwd": "/"}, attach), fd)
    assert caught.value.exit_code == 127
    assert len(os.listdir("/proc/self/fd")) == before - 1
    assert execs.listing() == []
    assert execs.clients == 0
    peer.close()


def test_malformed_detach_keys_are_refused(execs):
    peer, other = socket.socketpair()
    attach = AttachOptions(stdin=True, stdout=True, stderr=True, framed=False, detach_keys="ctrl-1")
    with pytest.raises(InvalidArgument, match="detach keys"):
        execs.start(
            RefusingRunner(), request({"args": ["x"], "terminal": True}, attach), other.detach()
        )
    assert peer.recv(1) == b""
    peer.close()


def test_resizing_what_does_not_run_says_so(execs):
    assert execs.resize("nobody", 80, 24) is False
