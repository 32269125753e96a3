"""The kernel's list of mounts, read back."""

from __future__ import annotations

from pathlib import Path

from baleen.volumes.mounts import mounts_below, unmount_below


def test_mount_points_are_found_with_what_is_below():
    assert "/proc" in mounts_below(Path("/proc"))
    assert all(point.startswith("/proc") for point in mounts_below(Path("/proc")))


def test_a_name_that_only_begins_alike_is_not_below(tmp_path):
    assert mounts_below(Path("/pro")) == []
    assert mounts_below(tmp_path) == []


def test_nothing_to_unmount_is_no_error(tmp_path):
    unmount_below(tmp_path)
