"""The shim's side of a worker; starting is tests/integration/runtime."""

import json
import os
import signal
from contextlib import closing

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.nursery import Nursery
from baleen.runtime.poller import Poller
from baleen.runtime.worker_link import Worker

REQUEST = {
    "id": "0" * 64,
    "bundle": "/nonexistent",
    "state_dir": "/state",
    "rootfs": {"path": "/nonexistent"},
    "log": {"driver": "json-file", "path": "/log", "max_size": 7, "labels": {"a": "b"}},
    "open_stdin": True,
    "stdin_once": False,
    "interfaces": [{"host_name": "veth1"}],
    "dns": {"names": "/names", "upstream": ["192.0.2.1"], "forward": True},
    "restart": {"policy": "on-failure", "maximum_retries": 3},
    "restart_count": 2,
    "reserved_fds": 5,
}
CONFIG = {
    "ociVersion": "1.2.0",
    "process": {"args": ["x"], "cwd": "/", "terminal": True},
    "root": {"path": "/nonexistent"},
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}], "cgroupsPath": "/group"},
}


class World:
    """A nursery, and a loop that runs until something was told."""

    def __init__(self, poller):
        self.poller = poller
        self.nursery = Nursery(poller, object())

    def until(self, found):
        while not found:
            self.poller.run_once()
        return found.pop()

    def worker(self, path):
        found = []
        return Worker(self.nursery, self.poller, path, found.append), found

    def load(self, path):
        worker, found = self.worker(path)
        return worker, self.until(found)


@pytest.fixture
def world():
    with closing(Poller()) as poller:
        world = World(poller)
        yield world
        world.nursery.close()


def write(directory, request=REQUEST):
    path = directory / "start.json"
    path.write_text(json.dumps({**request, "bundle": str(directory)}))
    return str(path)


def never(_netns):
    pytest.fail("nothing ran")


def test_the_facts_are_those_of_both_documents(world, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    path = write(tmp_path)
    worker, facts = world.load(path)
    assert (facts.path, facts.bundle, facts.state_dir) == (path, str(tmp_path), "/state")
    assert (facts.log.path, facts.log.max_size, facts.log.labels) == ("/log", 7, {"a": "b"})
    assert (facts.restart.name, facts.restart.maximum_retries) == ("on-failure", 3)
    assert (facts.dns.names, facts.dns.forward, facts.host_names) == ("/names", True, ["veth1"])
    assert (facts.open_stdin, facts.restart_count, facts.reserved_fds) == (True, 2, 5)
    assert (facts.terminal, facts.namespaces, facts.cgroup) == (True, ["mount", "pid"], "/group")
    worker.close()


def test_a_malformed_request_is_refused(world, tmp_path):
    worker, error = world.load(write(tmp_path, {**REQUEST, "x": 1}))
    assert isinstance(error, InvalidArgument)
    assert "unknown field 'x'" in str(error)
    worker.close()


def test_a_missing_spec_is_told_by_the_start(world, tmp_path):
    worker, _ = world.load(write(tmp_path))
    found = []
    worker.start(None, never, found.append)
    failure = world.until(found)
    assert (failure.stage, "config.json" in str(failure)) == ("spec", True)
    assert worker.made_cgroup is False
    worker.close()


def test_a_worker_that_was_killed_is_an_error_and_no_riddle(world, tmp_path):
    (spare,) = _spares(world)
    os.kill(spare, signal.SIGKILL)
    worker, error = world.load(write(tmp_path))
    assert "died" in str(error)
    worker.close()


def _spares(world):
    """The worker that waits ahead, once it is there."""
    while not world.nursery._ready:
        world.poller.run_once()
    return [hired.pid for hired in world.nursery._ready]


def test_its_death_in_a_start_leaves_the_control_group_to_us(world, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    worker, _ = world.load(write(tmp_path))
    os.kill(worker._hired.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker._hired.pid, os.WEXITED | os.WNOWAIT)
    found = []
    worker.start(None, never, found.append)
    assert "died" in str(world.until(found))
    assert worker.made_cgroup is True
    worker.close()


def test_closing_it_reaps_it_and_closes_everything(world, tmp_path):
    _spares(world)
    before = len(os.listdir("/proc/self/fd"))
    worker, _ = world.load(write(tmp_path))
    pid = worker._hired.pid
    worker.start(None, never, lambda _failure: None)
    worker.close()
    worker.close()
    _spares(world)
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_one_that_is_not_needed_any_more_before_it_is_hired_ends(world, tmp_path):
    _spares(world)
    before = children()
    gone = world.nursery._ready.popleft()  # so that the next one has to wait
    worker, found = world.worker(write(tmp_path))
    worker.close()
    while worker._hired is None and world.nursery._waiting:
        world.poller.run_once()
    assert worker._hired is None
    assert found == []
    gone.sock.close()
    os.waitpid(gone.pid, 0)
    assert children() - {*_spares(world)} == before - {gone.pid}


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return {int(pid) for pid in file.read().split()}
