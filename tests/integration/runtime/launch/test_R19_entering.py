"""R19: a container that may trace finds nothing of the host in a process that enters it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time

from baleen.linux import namespaces as ns
from baleen.linux.process import wait_pidfd

EXECS = 60


def _watch(container, reader, writer):
    """In the container's pid namespace, with every right: what all descriptors there point to."""
    ns.setns(container.pidfd.fileno(), ns.CLONE_NEWPID | ns.CLONE_NEWNS)
    pid = os.fork()
    if pid:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    seen, processes = set(), set()
    os.set_blocking(reader, False)
    os.write(writer, b"ready\n")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 1)
            break
        for process in os.listdir("/proc"):
            if not process.isdigit() or int(process) in (1, os.getpid()):
                continue
            with contextlib.suppress(OSError):
                processes.add(process)
                for fd in os.listdir(f"/proc/{process}/fd"):
                    with contextlib.suppress(OSError):
                        seen.add((fd, os.readlink(f"/proc/{process}/fd/{fd}")))
    os.write(writer, json.dumps([len(processes), sorted(seen)]).encode() + b"\n")
    os._exit(0)


def test_no_descriptor_of_the_host_is_ever_seen(runner, tmp_path):
    container = runner.started()
    secret = os.open(tmp_path / "secret", os.O_RDWR | os.O_CREAT)
    stop_reader, stop_writer = os.pipe()
    reader, writer = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        signal.alarm(60)
        try:
            _watch(container, stop_reader, writer)
        finally:
            os._exit(1)
    os.close(writer)
    os.close(stop_reader)
    with open(reader, encoding="utf-8") as answers:
        assert answers.readline() == "ready\n"
        for _ in range(EXECS):
            assert runner.exec(container, "true").code == 0
        os.write(stop_writer, b"x")
        processes, seen = json.loads(answers.readline())
    os.close(stop_writer)
    os.close(secret)
    os.waitpid(watcher, 0)
    assert processes > 5, "the watcher was too slow to prove anything"
    # Beside the streams only the channel, for the moment before it closes.
    assert {fd for fd, _ in seen} <= {"0", "1", "2", "3"}
    for fd, target in seen:
        if fd == "3":
            assert target.startswith("socket:")
        else:
            assert target.startswith("pipe:") or target == "/dev/null"
    assert wait_pidfd(container.pidfd.fileno(), block=False) is None
