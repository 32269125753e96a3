"""Finds which layout of control groups this host has and returns its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.linux.cgroup.driver import CgroupDriver

__all__ = ["detect"]


def detect(root: str = "/sys/fs/cgroup") -> CgroupDriver:
    """Returns the driver for what is mounted below `root`, found in /proc/self/mountinfo.

    A cgroup2 file system mounted at `root` itself is the unified layout (v2). Otherwise the v1
    driver uses every v1 hierarchy found and, when one is mounted below `root`, joins the unified
    hierarchy too (hybrid). Reads one file of /proc; call it once and keep the driver.

    Raises:
        CgroupError: no hierarchy is mounted.
    """
    raise NotImplementedError(root)
