import os
import select

import pytest

from baleen.linux.cgroup.oom import OomWatch, watch_v1, watch_v2


def test_counting_clears_the_readiness():
    event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    watch = OomWatch(event, select.POLLIN, (event,), lambda: 3)
    os.eventfd_write(event, 1)
    poller = select.poll()
    poller.register(watch.fd, watch.poll_events)
    assert poller.poll(0) != []
    assert watch.count() == 3
    assert poller.poll(0) == []
    assert watch.count() == 3
    watch.close()
    watch.close()
    assert watch.fd == -1


def test_a_v2_watch_reads_the_kills(tmp_path):
    (tmp_path / "memory.events").write_text("low 0\noom 9\noom_kill 2\noom_group_kill 5\n")
    watch = watch_v2(str(tmp_path))
    assert (watch.count(), watch.poll_events) == (2, select.POLLPRI)
    watch.close()


def test_a_missing_group_leaks_no_descriptor(tmp_path):
    before = os.listdir("/proc/self/fd")
    for watch in (lambda: watch_v1(str(tmp_path), lambda: 0), lambda: watch_v2(str(tmp_path))):
        with pytest.raises(FileNotFoundError):
            watch()
    assert os.listdir("/proc/self/fd") == before
