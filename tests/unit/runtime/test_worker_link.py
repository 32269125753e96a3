"""The supervisor's side of a worker; starting is tests/integration/runtime."""

import json
import os
import signal
from contextlib import closing

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.failure import LaunchError
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


@pytest.fixture
def worker():
    with closing(Worker(object())) as worker:
        yield worker


def write(directory, request=REQUEST):
    path = directory / "start.json"
    path.write_text(json.dumps({**request, "bundle": str(directory)}))
    return str(path)


def test_the_facts_are_those_of_both_documents(worker, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    path = write(tmp_path)
    facts = worker.load(path)
    assert (facts.path, facts.bundle, facts.state_dir) == (path, str(tmp_path), "/state")
    assert (facts.log.path, facts.log.max_size, facts.log.labels) == ("/log", 7, {"a": "b"})
    assert (facts.restart.name, facts.restart.maximum_retries) == ("on-failure", 3)
    assert (facts.dns.names, facts.dns.forward, facts.host_names) == ("/names", True, ["veth1"])
    assert (facts.open_stdin, facts.restart_count, facts.reserved_fds) == (True, 2, 5)
    assert (facts.terminal, facts.namespaces, facts.cgroup) == (True, ["mount", "pid"], "/group")


def test_a_malformed_request_is_refused(worker, tmp_path):
    with pytest.raises(InvalidArgument, match="unknown field 'x'"):
        worker.load(write(tmp_path, {**REQUEST, "x": 1}))


def test_a_missing_spec_is_told_by_the_start(worker, tmp_path):
    worker.load(write(tmp_path))
    worker.start(None)
    with pytest.raises(LaunchError, match=r"config\.json") as caught:
        worker.wait(lambda _netns: False)
    assert caught.value.stage == "spec"
    assert worker.made_cgroup is False


def test_a_worker_that_was_killed_is_an_error_and_no_riddle(worker, tmp_path):
    os.kill(worker._worker, signal.SIGKILL)
    with pytest.raises(InvalidArgument, match="died"):
        worker.load(write(tmp_path))


def test_its_death_in_a_start_leaves_the_control_group_to_us(worker, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    worker.load(write(tmp_path))
    os.kill(worker._worker, signal.SIGKILL)
    os.waitid(os.P_PID, worker._worker, os.WEXITED | os.WNOWAIT)
    worker.start(None)
    with pytest.raises(LaunchError, match="died"):
        worker.wait(lambda _netns: False)
    assert worker.made_cgroup is True


def test_closing_it_reaps_it_and_closes_everything(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    worker = Worker(object())
    pid = worker._worker
    worker.load(write(tmp_path))
    worker.start(None)
    worker.close()
    worker.close()
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
