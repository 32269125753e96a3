import os

import pytest

from baleen.errors import FailedPrecondition
from baleen.runtime.failure import LaunchError, encode_failure
from baleen.runtime.oci.parking import Parking, is_parked, release
from baleen.runtime.sync import Channel


@pytest.fixture
def parked(tmp_path):
    """Fork a process that waits, then does what it is given."""
    directory = str(tmp_path)
    children = []

    def fork(after):
        parking = Parking(directory)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            channel = Channel(writer)
            parking.wait(channel)
            after(channel)
            os._exit(0)
        children.append(pid)
        parking.close()
        os.close(writer)
        assert os.read(reader, 1) == b""  # it has closed its channel: it is parked
        os.close(reader)
        return pid

    yield directory, fork
    for pid in children:
        os.waitpid(pid, 0)


def test_a_parked_process_is_seen_and_goes_on_once_released(parked):
    directory, fork = parked
    fork(lambda channel: None)
    assert is_parked(directory)
    release(directory)
    assert not is_parked(directory)
    assert os.listdir(directory) == []


def test_its_failure_is_raised_by_whoever_releases_it(parked):
    directory, fork = parked

    def fail(channel):
        channel.send(encode_failure(channel.stage, LaunchError("exec", 2, "no such program")))

    fork(fail)
    with pytest.raises(LaunchError, match="no such program"):
        release(directory)


def test_nobody_waits_where_the_process_has_died(parked):
    directory, fork = parked
    pid = fork(lambda channel: None)
    os.kill(pid, 9)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not is_parked(directory)
    with pytest.raises(FailedPrecondition, match="cannot start a container that has stopped"):
        release(directory)


def test_nobody_waits_where_there_is_no_parking(tmp_path):
    assert not is_parked(str(tmp_path))
