"""The driver for a user without a control group."""

from __future__ import annotations

import pytest

from baleen.linux.cgroup.absent import AbsentDriver
from baleen.linux.cgroup.driver import CgroupError, LimitRefused

DEVICES = [{"allow": False, "access": "rwm"}]


def test_a_group_takes_everything_and_does_nothing():
    group = AbsentDriver(1).create("/x/y", {"devices": DEVICES, "memory": {}})
    group.add(1)
    group.kill()
    group.thaw()
    group.remove()
    assert (group.pids(), group.member_files, group.oom_events()) == ([], (), 0)
    assert group.oom_watch() is None
    assert group.stats().memory.usage == 0
    assert not group.is_frozen()


def test_limits_and_freezing_are_refused():
    driver = AbsentDriver(2)
    assert driver.controllers == frozenset()
    for refused in ({"memory": {"limit": 1}}, {"pids": {"limit": 1}}):
        with pytest.raises(LimitRefused, match="no control group is delegated"):
            driver.create("/x", refused)
        with pytest.raises(LimitRefused):
            driver.open("/x").update(refused)
    with pytest.raises(CgroupError, match="cannot freeze"):
        driver.open("/x").freeze()


def test_paths_are_checked():
    with pytest.raises(CgroupError):
        AbsentDriver(1).open("/x/../y")


def test_nothing_is_made_ahead():
    driver = AbsentDriver(1)
    assert driver.create_ahead("/x/ahead") is None
    assert driver.below("/x") == []
    with pytest.raises(CgroupError):
        driver.rename(driver.open("/x/ahead"), "/x/y", {})
