import json
import os

import pytest

from baleen.linux.fd import Fd
from baleen.runtime.criu import restore
from baleen.runtime.failure import LaunchError, encode_failure


def told(data):
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    with Fd(reader) as fd:
        return restore._told(fd)


def test_the_helpers_facts_are_read():
    facts = {"external": ["mnt[/a]:/b"], "cgroup": 7, "devices": ["0:1"]}
    assert told(json.dumps(facts).encode()) == facts


def test_its_failure_is_raised_even_behind_facts():
    error = FileNotFoundError(2, "No such file or directory", "/x")
    text = b"\n" + encode_failure("making places for mounts", error)
    for before in (b"", b"{}"):
        with pytest.raises(LaunchError, match="making places for mounts: /x: no such file"):
            told(before + text)


def test_its_death_is_one_too():
    with pytest.raises(LaunchError, match="died"):
        told(b"")


def test_an_abandoned_container_is_killed_and_reaped():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(reader, 1)  # for ever: we hold the writing end ourselves
        os._exit(0)
    one = restore.Restored(pid, Fd(os.pidfd_open(pid)), None)
    one.abandon()
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
