"""What a foreign runner does beside its keeper; running is tests/integration/engine."""

import os
import signal
from contextlib import closing

import pytest

from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd
from baleen.runtime.failure import LaunchError
from baleen.runtime.foreign.runner import ForeignRunner
from baleen.runtime.poller import Poller
from baleen.runtime.runner import Runner, runner_class
from baleen.runtime.worker_link import Facts

FAILURE = LaunchError("runtime", 0, "it cannot", 128)


class Link:
    """A keeper that does at once what it is told, or says `failure`."""

    def __init__(self, failure=None):
        self.failure = failure
        self.signals = []
        self.deleted = False

    def signal(self, number, on_end):
        self.signals.append(number)
        on_end(self.failure)

    def delete(self, on_gone):
        self.deleted = True
        on_gone()


class Group:
    is_transient = False

    def __init__(self):
        self.killed = 0
        self.kills = 0

    def kill(self, _timeout_s):
        self.killed += 1

    def oom_events(self):
        return self.kills


def facts(**changes):
    names = [name for name in Facts.__slots__ if name not in changes]
    return Facts(**dict.fromkeys(names) | {"host_names": []} | changes)


class World:
    def __init__(self, poller):
        self.codes = []
        self.runner = ForeignRunner(
            poller,
            facts(foreign=True),
            None,
            None,
            None,
            on_exit=self.codes.append,
            on_oom=lambda: None,
            on_log_failure=lambda _err: None,
        )
        self.link = self.runner._link = Link()
        self.group = self.runner._cgroup = Group()
        reading, self.writing = os.pipe()
        os.set_blocking(reading, False)
        self.runner._pidfd = Fd(reading)
        poller.add(reading, 1, self.runner._on_pidfd)


@pytest.fixture
def world():
    with closing(Poller()) as poller:
        world = World(poller)
        world.poller = poller
        yield world


def test_it_is_chosen_by_the_facts():
    assert runner_class(facts(foreign=False)) is Runner
    assert runner_class(facts(foreign=True)) is ForeignRunner


@pytest.mark.parametrize(("said", "code"), [(b"3", 3), (b"", 137)])
def test_the_end_is_told_when_it_was_deleted(world, said, code):
    world.group.kills = 1
    os.write(world.writing, said)
    os.close(world.writing)
    while not world.codes:
        world.poller.run_once()
    assert world.codes == [code]
    assert world.link.deleted
    assert world.group.killed == 1
    assert world.runner.oom_killed() is True
    with pytest.raises(InvalidArgument, match="not running"):
        world.runner.signal(15)


def test_signals_go_to_the_runtime(world):
    sent = []
    assert world.runner.signal(15, sent.append) is False
    assert (world.link.signals, sent) == ([15], [None])
    world.link.failure = FAILURE
    world.runner.signal(15, sent.append)
    assert str(sent[1]) == "signal 15: it cannot"
    assert world.group.killed == 0


def test_whom_the_runtime_cannot_kill_we_do(world):
    sent = []
    world.link.failure = FAILURE
    world.runner.signal(signal.SIGKILL, sent.append)
    assert (sent, world.group.killed) == ([None], 1)
    world.runner.signal(signal.SIGKILL)
    assert world.group.killed == 2


def test_an_exec_is_looked_at_before_the_keeper_sees_it(world):
    with pytest.raises((InvalidArgument, LaunchError)):
        world.runner.exec_process({"args": 3}, None, lambda: pytest.fail("opened"), lambda *_: None)
