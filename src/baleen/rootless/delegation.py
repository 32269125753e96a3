"""A control group of our own on cgroup v2, where one is delegated to the user.

systemd gives the group of a user's service manager (`user@1000.service`) to the user. Below the
highest group on the way to ours that we may write to, we make one that no unit claims, as
docs/adr/0007-cgroups-beside-systemd.md has it for root: the daemon's unit can be restarted while
containers run. It becomes the root of a cgroup namespace, so that what is not ours is not seen.

See: cgroups(7), Delegation; systemd's CGROUP_DELEGATION.md.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from baleen.linux.files import CGROUP2_SUPER_MAGIC, filesystem_magic

__all__ = ["SUPERVISOR", "delegated_parent", "enter_group", "make_group", "remove_group"]

ROOT = Path("/sys/fs/cgroup")
SUPERVISOR = "supervisor"
"""The leaf in which daemon and holder live, as groups that pass controllers on hold no process."""


def _is_unified() -> bool:
    try:
        fd = os.open(ROOT, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return filesystem_magic(fd) == CGROUP2_SUPER_MAGIC
    finally:
        os.close(fd)


def _own_group() -> Path | None:
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::/"):
            return ROOT / line.removeprefix("0::").lstrip("/")
    return None


def _is_writable(group: Path) -> bool:
    files = (group, group / "cgroup.procs", group / "cgroup.subtree_control")
    return all(os.access(path, os.W_OK) for path in files)


def delegated_parent() -> Path | None:
    """Return the highest group from ours upwards that is the user's, or None."""
    if not _is_unified():
        return None
    group, found = _own_group(), None
    while group is not None and group != ROOT and _is_writable(group):
        found, group = group, group.parent
    return found


def make_group(name: str) -> Path | None:
    """Make our group where one is delegated; returns None where none is, or it does not work."""
    parent = delegated_parent()
    if parent is None:
        return None
    group = parent / name
    try:
        (group / SUPERVISOR).mkdir(parents=True)
        # Not only service managers start us: processes of the parent itself are in the way.
        for pid in (parent / "cgroup.procs").read_text(encoding="ascii").split():
            with suppress(ProcessLookupError):
                _write(group / SUPERVISOR / "cgroup.procs", pid)
        controllers = (parent / "cgroup.controllers").read_text(encoding="ascii").split()
        for controller in controllers:
            with suppress(OSError):  # one that cannot be passed on spoils a whole line
                _write(parent / "cgroup.subtree_control", f"+{controller}")
    except OSError:
        remove_group(group)
        return None
    return group


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write(text)


def enter_group(group: Path, process: int = 0) -> None:
    """Move the process (0: we) to the group. Raises OSError."""
    _write(group / "cgroup.procs", str(process))


def remove_group(group: Path) -> None:
    """Remove the group with all below it as far as it is empty; processes are never touched."""
    for directory, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(directory).rmdir()
