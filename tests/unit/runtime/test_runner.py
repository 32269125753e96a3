"""What a runner refuses without a container; running is tests/integration/runtime."""

import json
from contextlib import closing

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.failure import LaunchError
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


def make(poller, directory, config=CONFIG, **changes):
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
    worker = Worker(object())
    return Runner(
        poller,
        worker.load(str(path)),
        worker,
        object(),
        on_exit=refuse,
        on_oom=refuse,
        on_log_failure=refuse,
    )


@pytest.mark.parametrize("config", ["", "{", "[]", "[" * 100_000, "{}"])
def test_a_malformed_spec_is_a_failed_start(poller, tmp_path, config):
    runner = make(poller, tmp_path, config)
    streams = ProcessStreams(poller, tty=False, close_stdin=False, on_detached=refuse)
    with pytest.raises(LaunchError) as caught:
        runner.start(streams)
    assert caught.value.stage == "spec"
    assert caught.value.exit_code == 128
    runner.close()


def test_a_log_that_cannot_be_opened_is_a_failed_start(poller, tmp_path):
    runner = make(poller, tmp_path, log={"driver": "json-file", "path": "/nonexistent/x/log"})
    streams = ProcessStreams(poller, tty=True, close_stdin=False, on_detached=refuse)
    with pytest.raises(LaunchError, match="/nonexistent/x/log"):
        runner.start(streams)
    runner.close()


def test_what_needs_a_running_container_is_refused(poller, tmp_path):
    runner = make(poller, tmp_path)
    with pytest.raises(InvalidArgument, match="not running"):
        runner.signal(9)
    with pytest.raises(InvalidArgument, match="network namespace"):
        runner.connect({})
    runner.disconnect("veth-unknown")
    assert runner.oom_killed() is False
    runner.close()
    runner.close()
