"""A keeper with a program that plays the runtime: a shell script, for what real ones never do."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest
from bed import wait_until

from baleen.runtime.foreign.keeper import keep
from baleen.runtime.foreign.link import wait_exit
from baleen.runtime.prepare import Rootfs, Stdio
from baleen.runtime.request import LogRequest, RuntimeRequest, StartRequest
from baleen.runtime.restart import RestartPolicy

pytestmark = pytest.mark.integration

# What comes before the command: --root DIR --log FILE --log-format json.
PARSE = """#!/bin/sh
shift 6; command=$1; shift
while [ $# -gt 0 ]; do
    case $1 in
    --pid-file) pid_file=$2; shift 2;;
    --bundle) bundle=$2; shift 2;;
    --console-socket|--process) shift 2;;
    *) shift;;
    esac
done
case $command in
"""
# The process is left to whoever adopts it.
MAKE = """
create) sleep 1000 & echo $! > pid-of-sleep; echo $! > $pid_file; ls rootfs > seen; echo made;;
exec) # Whoever has ended before a shell does is reaped by that, so it ends behind one.
    sh -c 'while grep -q sh /proc/$PPID/comm; do :; done; exit 6' & echo $! > $pid_file
    exec sleep 0.2;;
kill) kill $(cat pid-of-sleep);;
delete) kill -9 $(cat pid-of-sleep); touch ../deleted;;
"""


class Keeper:
    """A keeper that was forked, and what it says."""

    def __init__(self, directory, script, *, terminal=False, rootfs=None, document=None):
        self.directory = directory
        program = directory / "program"
        program.write_text(PARSE + script + "\nesac\n")
        program.chmod(0o755)
        namespaces = [{"type": "mount"}]
        document = document or {"root": {"path": "rootfs"}, "linux": {"namespaces": namespaces}}
        (directory / "config.json").write_text(json.dumps(document))
        request = StartRequest(
            id="0" * 64,
            bundle=str(directory),
            state_dir=str(directory),
            rootfs=rootfs or Rootfs(path="/etc"),
            seccomp_program=None,
            log=LogRequest("none"),
            open_stdin=False,
            stdin_once=False,
            interfaces=(),
            dns=None,
            restart=RestartPolicy(),
            restart_count=0,
            init=False,
            reserved_fds=0,
            runtime=RuntimeRequest(str(program)),
        )
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        self.output = os.fdopen(reading, "rb")
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.sock.close()
                os.close(reading)
                null = os.open("/dev/null", os.O_RDWR)
                keep(theirs, request, None if terminal else Stdio(null, writing, writing), -1)
            finally:
                os._exit(0)
        theirs.close()
        os.close(writing)

    def hear(self):
        """The next message and its descriptors; {} at the end."""
        assert select.select([self.sock], [], [], 20)[0]
        data, fds, _, _ = socket.recv_fds(self.sock, 10000, 4)
        return json.loads(data or b"{}"), fds

    def say(self, **message):
        self.sock.send(json.dumps(message).encode())

    def close(self):
        self.sock.close()
        self.output.close()
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except ProcessLookupError:
            return
        finally:
            self._end_container()

    def _end_container(self):
        """Kill what the program has made: a keeper that was killed leaves it running."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int((self.directory / "runtime/pid-of-sleep").read_text())
            if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def keeper(tmp_path):
    made = []

    def make(script=MAKE, **keywords):
        made.append(Keeper(tmp_path, script, **keywords))
        return made[0]

    yield make
    for one in made:
        one.close()


def is_gone(pid):
    """Whether the process has ended; its parent may still have to look."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def test_a_life(keeper, tmp_path):
    kept = keeper()
    started, (exit_code,) = kept.hear()
    assert started["event"] == "started"
    pid = started["pid"]
    assert int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == kept.pid
    # Mounted for the program, and for nobody else.
    assert "passwd" in (tmp_path / "runtime/seen").read_text()
    assert os.listdir(tmp_path / "runtime/rootfs") == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    kept.say(op="exec", seq=1, process={"args": ["x"]})
    refused, fds = kept.hear()
    assert (refused["ok"], fds) == (False, [])
    assert refused["message"] == "the runtime has sent no terminal"
    kept.say(op="signal", seq=2, signal=15)
    assert kept.hear()[0] == {"reply": 2, "ok": True}
    assert wait_exit(exit_code) == 128 + signal.SIGTERM
    os.close(exit_code)
    kept.say(op="delete")
    assert kept.hear() == ({}, [])
    assert (tmp_path / "deleted").exists()
    os.waitpid(kept.pid, 0)
    kept.pid = 2**22 + 1
    wait_until("its end", lambda: is_gone(pid))


def test_an_exec_that_has_ended_before_it_was_asked_for(keeper):
    kept = keeper()
    _, (exit_code,) = kept.hear()
    null = os.open("/dev/null", os.O_RDWR)
    message = json.dumps({"op": "exec", "seq": 1, "process": {}}).encode()
    socket.send_fds(kept.sock, [message], [null] * 3)
    os.close(null)
    reply, (ended,) = kept.hear()
    assert reply["ok"] is True
    assert wait_exit(ended) == 6
    os.close(ended)
    os.close(exit_code)


@pytest.mark.parametrize(
    ("script", "text", "code"),
    [
        ("create) echo 'no such file or directory' >&2; exit 1;;",
         "OCI runtime create failed: no such file or directory", 127),
        ("create) exit 0;;", "the runtime has not said which process it made", 128),
        ("create) echo 1 > $pid_file;;", "process 1 of the runtime was not left to us", 128),
        (("create) sleep 1000 & echo $! > $pid_file; echo $! > pid-of-sleep;; start) echo late >&2;"
         "exit 1;; delete) kill -9 $(cat pid-of-sleep);;"), "OCI runtime start failed: late", 128),
    ],
)  # fmt: skip
def test_starts_that_fail(keeper, tmp_path, script, text, code):
    kept = keeper(script)
    failed, fds = kept.hear()
    assert (failed["event"], failed["exit_code"], fds) == ("failed", code, [])
    assert failed["message"].startswith(text)
    assert kept.hear() == ({}, [])
    if (tmp_path / "runtime/pid-of-sleep").exists():
        pid = int((tmp_path / "runtime/pid-of-sleep").read_text())
        wait_until("its end", lambda: is_gone(pid))


def test_a_root_that_cannot_be_mounted(keeper):
    kept = keeper(rootfs=Rootfs(None, ("/no/such/layer",), "/no/upper", "/no/work"))
    failed, _ = kept.hear()
    assert failed["event"] == "failed"
    assert "no such file or directory" in failed["message"]


def test_a_network_namespace_of_its_own(keeper, tmp_path):
    namespaces = [{"type": "network"}, {"type": "mount"}]
    document = {"root": {}, "linux": {"namespaces": namespaces}}
    kept = keeper(MAKE, document=document)
    said, (netns,) = kept.hear()
    assert said == {"event": "netns"}
    assert os.fstat(netns).st_ino != os.stat("/proc/self/ns/net").st_ino
    assert os.readlink(f"/proc/self/fd/{netns}").startswith("net:")
    started, (exit_code,) = kept.hear()
    assert started["event"] == "started"
    config = json.loads((tmp_path / "runtime/config.json").read_text())
    path = config["linux"]["namespaces"][0]["path"]
    assert path == str(tmp_path / "runtime/netns")
    # A file on the host: what it is bound to is in the keeper's mounts.
    assert os.stat(path).st_size == 0
    assert os.stat(path).st_ino != os.fstat(netns).st_ino
    assert os.stat(f"/proc/{kept.pid}/root{path}").st_ino == os.fstat(netns).st_ino
    os.close(netns)
    os.close(exit_code)


def test_it_dies_with_who_it_works_for(keeper):
    """The end of the socket is the order to clean up; a killed shim's keeper is killed before."""
    with closing(keeper()) as kept:
        started, (exit_code,) = kept.hear()
        kept.sock.shutdown(socket.SHUT_RDWR)
        os.waitpid(kept.pid, 0)
        kept.pid = 2**22 + 1
        wait_until("its end", lambda: is_gone(started["pid"]))
        os.close(exit_code)
