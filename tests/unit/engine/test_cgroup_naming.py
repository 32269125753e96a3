import pytest

from baleen.engine.cgroup_naming import (
    check_parent,
    choose_driver,
    default_parent,
    group_name,
    requested_driver,
)
from baleen.errors import InvalidArgument

SLICE = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'


def test_the_option_is_read_as_dockerd_reads_it():
    assert requested_driver([]) == ""
    assert requested_driver(["native.cgroupdriver=systemd"]) == "systemd"
    assert requested_driver(["Native.CgroupDriver = cgroupfs"]) == "cgroupfs"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("native.cgroupdriver=x", "native.cgroupdriver option x not supported"),
        ("native.cgroupdriver", "exec-opts: 'native.cgroupdriver' is not supported"),
        ("isolation=process", "exec-opts: 'isolation=process' is not supported"),
    ],
)
def test_other_options_are_refused(option, message):
    with pytest.raises(InvalidArgument, match=message):
        requested_driver([option])


@pytest.mark.parametrize(
    ("requested", "unified", "booted", "driver"),
    [
        ("", True, True, "systemd"),
        ("", True, False, "cgroupfs"),
        ("", False, True, "cgroupfs"),
        ("cgroupfs", True, True, "cgroupfs"),
        ("systemd", True, True, "systemd"),
    ],
)
def test_the_default_is_systemd_where_it_runs_on_version_2(requested, unified, booted, driver):
    assert choose_driver(requested, unified=unified, booted=booted) == driver


def test_a_host_that_cannot_is_told_so():
    with pytest.raises(InvalidArgument, match="needs cgroup v2, and this host has v1"):
        choose_driver("systemd", unified=False, booted=True)
    with pytest.raises(InvalidArgument, match="systemd is not the first process of this host"):
        choose_driver("systemd", unified=True, booted=False)


@pytest.mark.parametrize(
    ("parent", "message"),
    [("/foo", SLICE), (".slice", SLICE), ("a/b.slice", "invalid slice name: a/b.slice")],
)
def test_with_systemd_a_parent_is_a_slice(parent, message):
    with pytest.raises(InvalidArgument, match=message):
        check_parent(parent, "systemd")
    check_parent(parent, "cgroupfs")
    check_parent("", "systemd")
    check_parent("a-b.slice", "systemd")


def test_groups_are_called_as_the_driver_wants_it():
    assert group_name(default_parent("systemd"), "1f", "systemd") == "system.slice:docker:1f"
    assert group_name(default_parent("cgroupfs"), "1f", "cgroupfs") == "/baleen/1f"
    assert group_name("a/b/", "1f", "cgroupfs") == "/a/b/1f"
