"""An exec seen by the loop, which fails before there is a container."""

import os
from contextlib import closing

from baleen.runtime.enter import EnterPlan
from baleen.runtime.entry import Entry
from baleen.runtime.failure import LaunchError
from baleen.runtime.poller import Poller
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.spec import parse_process


def test_the_failure_is_told_and_nothing_is_left():
    with closing(Poller()) as poller:
        before = os.listdir("/proc/self/fd")
        with open(os.devnull) as null:
            fd = null.fileno()
            process = prepare(parse_process({"args": ["x"], "cwd": "/"}), Stdio(fd, fd, fd), None)
            found = []
            Entry(poller, EnterPlan(process, fd, 0, ()), found.append)
            while not found:
                poller.run_once()
        assert isinstance(found[0], LaunchError)
        assert os.listdir("/proc/self/fd") == before
