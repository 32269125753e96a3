"""Flags and agent of a filter, from the document to the agent's socket."""

import json
import os
import socket

import pytest

from baleen.linux.fd import Fd
from baleen.linux.process import pidfd_open
from baleen.runtime.failure import LaunchError, encode_failure
from baleen.runtime.fields import Fields
from baleen.runtime.seccomp_listener import SeccompListener, SeccompUse, parse_seccomp_use

NOTIFY = [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]


def parse(**seccomp):
    return parse_seccomp_use(Fields({"seccomp": seccomp}, "linux."))


def test_flags():
    assert parse() == SeccompUse(4, "", None)
    assert parse(flags=[]) == SeccompUse(0, "", None)
    names = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"]
    assert parse(flags=names).flags == 3
    # It is about notifications, of which there are none.
    assert parse(flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]).flags == 0


def test_a_listener():
    use = parse(
        flags=["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
        syscalls=NOTIFY,
        listenerPath="/run/agent",
        listenerMetadata="",
    )
    assert use == SeccompUse(1 | 8 | 16 | 32, "/run/agent", "")
    # Without an action that notifies, the path is ignored, as the specification says.
    assert parse(listenerPath="/run/agent").listener_path == ""


@pytest.mark.parametrize(
    ("seccomp", "text"),
    [
        ({"flags": ["x"]}, "linux.seccomp.flags: 'x'"),
        ({"listenerMetadata": "x"}, "listenerMetadata is of no use"),
        ({"syscalls": NOTIFY}, "SCMP_ACT_NOTIFY needs an absolute one"),
        ({"syscalls": NOTIFY, "listenerPath": "x"}, "SCMP_ACT_NOTIFY needs an absolute one"),
    ],
)
def test_what_cannot_be_is_refused_by_name(seccomp, text):
    with pytest.raises(LaunchError) as caught:
        parse(**seccomp)
    assert text in str(caught.value)


class Link:
    def __init__(self, message):
        self.message = message
        self.sent = []

    def receive(self):
        return self.message, None

    def send(self, message):
        self.sent.append(message)


def listener(path, metadata=None):
    return SeccompListener(
        SeccompUse(8, str(path), metadata), "id", "/bundle", {"a": "b" * 300_000}
    )


def test_the_agent_gets_the_descriptor_and_the_state(tmp_path):
    reader, writer = os.pipe()
    with socket.socket(socket.AF_UNIX) as agent, pidfd_open(os.getpid()) as pidfd:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                accepted, _ = agent.accept()
                data, fds, _, _ = socket.recv_fds(accepted, 1 << 20, 4)
                while more := accepted.recv(1 << 20):
                    data += more
                with open(tmp_path / "out", "wb") as file:
                    file.write(data)
                os.write(fds[0], b"through the descriptor")
                code = 0 if len(fds) == 1 else 2
            finally:
                os._exit(code)
        link = Link(b"L%d" % writer)
        listener(tmp_path / "agent", "data").serve(link, pidfd, 77)
        assert link.sent == [b"L"]
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert os.read(reader, 100) == b"through the descriptor"
    for fd in (reader, writer):
        os.close(fd)
    state = json.loads((tmp_path / "out").read_text())
    assert (state["fds"], state["pid"], state["metadata"]) == (["seccompFd"], 77, "data")
    assert (state["state"]["id"], state["state"]["pid"]) == ("id", 77)
    assert state["state"]["annotations"] == {"a": "b" * 300_000}


def test_an_agent_that_is_not_there_is_the_failure_of_the_start(tmp_path):
    with Fd(os.open("/", os.O_PATH)) as fd, pidfd_open(os.getpid()) as pidfd:
        link = Link(b"L%d" % fd.fileno())
        with pytest.raises(LaunchError, match="/agent: no such file or directory"):
            listener(tmp_path / "agent").serve(link, pidfd, 1)
        assert link.sent == []


def test_what_pid_1_says_instead_is_raised():
    failure = encode_failure("x", LaunchError("exec", 2, "its own words", 127))
    for message, text in ((failure, "its own words"), (b"", "ended before")):
        with pidfd_open(os.getpid()) as pidfd, pytest.raises(LaunchError, match=text):
            listener("/x").serve(Link(message), pidfd, 1)
