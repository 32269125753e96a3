"""Which groups are left behind; making and renaming: the integration tests of `warm`."""

from __future__ import annotations

import os
from pathlib import Path

from baleen.linux.cgroup import CgroupError
from baleen.linux.process import set_name
from baleen.runtime.warm_groups import WORKER_NAME, make_group, remove_left_groups


class Driver:
    """A list of groups, in place of the kernel's."""

    def __init__(self, *names: str, busy: str = "") -> None:
        self.paths = [f"/p/{name}" for name in names]
        self.busy = busy

    def below(self, path):
        assert path == "/p"
        return list(self.paths)

    def open(self, path):
        return Group(self, path)

    def create_ahead(self, path):
        raise CgroupError("create", "no")


class Group:
    def __init__(self, driver, path):
        self.driver, self.path = driver, path

    def remove(self, timeout_s):
        assert timeout_s == 0
        if self.path == self.driver.busy:
            raise CgroupError("remove", "busy")
        self.driver.paths.remove(self.path)


def test_only_those_whose_worker_has_ended():
    ended = os.fork() or os._exit(0)
    os.waitpid(ended, 0)
    driver = Driver(
        f".baleen-warm-{ended}", f".baleen-warm-{os.getpid()}", "other", ".baleen-warm-x"
    )
    remove_left_groups(driver, "/p")
    assert driver.paths == ["/p/other", "/p/.baleen-warm-x"]


def test_a_living_worker_keeps_its_group():
    driver = Driver(f".baleen-warm-{os.getpid()}")
    name = Path("/proc/self/comm").read_text().strip()
    set_name(WORKER_NAME)
    try:
        remove_left_groups(driver, "/p")
    finally:
        set_name(name)
    assert driver.paths == [f"/p/.baleen-warm-{os.getpid()}"]


def test_a_worker_that_nobody_has_reaped_has_ended():
    pid = os.fork()
    if pid == 0:
        set_name(WORKER_NAME)
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    driver = Driver(f".baleen-warm-{pid}")
    remove_left_groups(driver, "/p")
    os.waitpid(pid, 0)
    assert driver.paths == []


def test_one_that_is_busy_is_left_to_the_next_time():
    ended = os.fork() or os._exit(0)
    os.waitpid(ended, 0)
    path = f"/p/.baleen-warm-{ended}"
    driver = Driver(f".baleen-warm-{ended}", busy=path)
    remove_left_groups(driver, "/p")
    assert driver.paths == [path]


def test_a_group_that_cannot_be_made_is_done_without():
    assert make_group(Driver(), "/p") is None
