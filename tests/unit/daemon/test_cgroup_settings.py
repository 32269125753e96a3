from pathlib import Path

import pytest

from baleen.daemon.cgroup_settings import cgroup_settings
from baleen.errors import InvalidArgument

HAS_SYSTEMD = (
    Path("/run/systemd/system").is_dir() and Path("/sys/fs/cgroup/cgroup.controllers").exists()
)


def test_the_hosts_default():
    expected = ("systemd", "system.slice") if HAS_SYSTEMD else ("cgroupfs", "/baleen")
    assert cgroup_settings([], "") == expected


def test_cgroupfs_may_be_had_everywhere():
    chosen = ["native.cgroupdriver=cgroupfs"]
    assert cgroup_settings(chosen, "") == ("cgroupfs", "/baleen")
    assert cgroup_settings(chosen, "/a/b") == ("cgroupfs", "/a/b")
    for parent in ("a", "/a/../b"):
        with pytest.raises(InvalidArgument, match="is no absolute path"):
            cgroup_settings(chosen, parent)


def test_systemd_has_slices_or_is_refused():
    chosen = ["native.cgroupdriver=systemd"]
    if HAS_SYSTEMD:
        assert cgroup_settings(chosen, "a.slice") == ("systemd", "a.slice")
    message = "should be a valid slice" if HAS_SYSTEMD else "native.cgroupdriver=systemd"
    with pytest.raises(InvalidArgument, match=message):
        cgroup_settings(chosen, "/a")
