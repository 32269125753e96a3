"""What a runner refuses without a container; running is tests/integration/runtime."""

import json
from contextlib import closing
from time import monotonic

import pytest

from baleen.errors import InvalidArgument
from baleen.linux.cgroup import CgroupError
from baleen.runtime import runner as runner_module
from baleen.runtime.failure import LaunchError
from baleen.runtime.nursery import Nursery
from baleen.runtime.poller import Poller
from baleen.runtime.runner import Runner
from baleen.runtime.stdio import ProcessStreams
from baleen.runtime.worker_link import Worker

CONFIG = {
    "ociVersion": "1.2.0",
    "process": {"args": ["x"], "cwd": "/", "terminal": True},
    "root": {"path": "/nonexistent"},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {
        "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "network"}],
        "maskedPaths": ["/proc/kcore"],
    },
}


def refuse(*_):
    pytest.fail("nothing ran")


@pytest.fixture
def poller():
    with closing(Poller()) as poller:
        yield poller


@pytest.fixture
def nursery(poller):
    with closing(Nursery(poller, object())) as nursery:
        yield nursery


def make(nursery, poller, directory, config=CONFIG, **changes):
    (directory / "config.json").write_text(
        config if isinstance(config, str) else json.dumps(config)
    )
    request = {
        "id": "0" * 64,
        "bundle": str(directory),
        "state_dir": str(directory),
        "rootfs": {"path": "/nonexistent"},
        "log": {"driver": "none"},
        "open_stdin": False,
        "stdin_once": False,
        **changes,
    }
    path = directory / "start.json"
    path.write_text(json.dumps(request))
    found = []
    worker = Worker(nursery, poller, str(path), found.append)
    while not found:
        poller.run_once()
    return Runner(
        poller,
        found[0],
        worker,
        nursery,
        object(),
        on_exit=refuse,
        on_oom=refuse,
        on_log_failure=refuse,
    )


def failure_of(runner, poller, streams):
    """How a start ends that has to fail."""
    found = []
    runner.start(streams, found.append)
    while not found:
        poller.run_once()
    (failure,) = found
    assert isinstance(failure, LaunchError)
    return failure


@pytest.mark.parametrize("config", ["", "{", "[]", "[" * 100_000, "{}"])
def test_a_malformed_spec_is_a_failed_start(nursery, poller, tmp_path, config):
    runner = make(nursery, poller, tmp_path, config)
    streams = ProcessStreams(poller, tty=False, close_stdin=False, on_detached=refuse)
    failure = failure_of(runner, poller, streams)
    assert failure.stage == "spec"
    assert failure.exit_code == 128
    runner.close()


def test_a_log_that_cannot_be_opened_is_a_failed_start(nursery, poller, tmp_path):
    runner = make(
        nursery, poller, tmp_path, log={"driver": "json-file", "path": "/nonexistent/x/log"}
    )
    streams = ProcessStreams(poller, tty=True, close_stdin=False, on_detached=refuse)
    assert "/nonexistent/x/log" in str(failure_of(runner, poller, streams))
    runner.close()


def test_what_needs_a_running_container_is_refused(nursery, poller, tmp_path):
    runner = make(nursery, poller, tmp_path)
    with pytest.raises(InvalidArgument, match="not running"):
        runner.signal(9)
    with pytest.raises(InvalidArgument, match="network namespace"):
        runner.connect({})
    runner.disconnect("veth-unknown")
    assert runner.oom_killed() is False
    runner.close()
    runner.close()


class StuckCgroup:
    """A control group of which a process does not die for a while."""

    is_transient = False

    def __init__(self, times):
        self.times = times

    def kill(self, timeout_s):
        assert timeout_s < 1
        self.times -= 1
        if self.times >= 0:
            raise CgroupError("kill", "1 process does not die")

    def remove(self, timeout_s):
        assert timeout_s < 1

    def oom_events(self):
        return 0


@pytest.mark.parametrize("times", [0, 3])
def test_who_is_stuck_is_killed_again_and_others_go_on(
    nursery, poller, tmp_path, monkeypatch, times
):
    monkeypatch.setattr(runner_module, "_AGAIN_S", 0.01)
    runner = make(nursery, poller, tmp_path)
    ended, others = [], []
    runner._on_exit = ended.append
    runner._cgroup = StuckCgroup(times)
    runner._sweep(7, monotonic() + 10)
    assert bool(ended) is (times == 0)
    poller.call_later(0.001, lambda: others.append(not ended))
    while not (ended and others):
        poller.run_once()
    assert (ended, others) == ([7], [times > 0])
    runner.close()


def test_who_is_stuck_for_ever_is_given_up(nursery, poller, tmp_path):
    runner = make(nursery, poller, tmp_path)
    ended = []
    runner._on_exit = ended.append
    runner._cgroup = StuckCgroup(2)
    runner._sweep(7, monotonic())
    assert ended == [7]
    with pytest.raises(CgroupError):
        runner.close()
