"""The process that closes what it is given."""

from __future__ import annotations

import os
import select
from pathlib import Path

from baleen.linux.fd import Fd
from baleen.runtime.unmounting import Unmounter


def test_what_it_takes_is_closed_by_the_time_that_it_has_ended():
    unmounter = Unmounter()
    reading, writing = os.pipe()
    try:
        for _ in range(50):
            unmounter.take(Fd(os.dup(writing)))
        os.close(writing)
        unmounter.close()
        assert select.select([reading], [], [], 0)[0]
        assert os.read(reading, 1) == b""
    finally:
        os.close(reading)


def test_it_begins_with_the_first_one_and_has_nothing_of_ours():
    unmounter = Unmounter()
    assert unmounter.pid == 0
    kept = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(kept, True)
    unmounter.take(Fd(os.open("/dev/null", os.O_RDONLY)))
    pid = unmounter.pid
    descriptors = Path(f"/proc/{pid}/fd")
    while [link.name for link in descriptors.iterdir()] != ["0"]:  # it closes them first of all
        os.sched_yield()
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""
    os.close(kept)
    unmounter.close()
    assert not Path(f"/proc/{pid}").exists()


def test_one_that_was_killed_is_not_waited_for():
    unmounter = Unmounter()
    reading, writing = os.pipe()
    unmounter.take(Fd(os.dup(writing)))
    os.kill(unmounter.pid, 9)
    os.waitid(os.P_PID, unmounter.pid, os.WEXITED | os.WNOWAIT)
    unmounter.take(Fd(writing))
    assert os.read(reading, 1) == b""
    os.close(reading)
    unmounter.close()


def test_close_without_any():
    Unmounter().close()
