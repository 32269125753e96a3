"""Control groups made ahead, with a process in them, that become a container's by a new name.

A process that moves into a group waits for a grace period of the kernel, 5 to 13 ms unless
somebody has moved a moment ago. One that waits to be a container's PID 1 is there already, and the
directories are renamed. Only cgroup v1 can rename a group, among its siblings; the unified
hierarchy of a hybrid layout, which has no controllers, is joined after the start. What is killed by
its means is looked for in the others too, so nothing depends on the moments between.

A group of a worker that was killed is left behind; whoever makes or repairs something below the
same parent removes it.

See: the kernel's admin-guide/cgroup-v1/cgroups.rst (2.1, renaming); docs/architecture.md.
"""

from __future__ import annotations

import contextlib
import os

from baleen.linux.cgroup import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.cgroup import Cgroup, CgroupDriver

__all__ = ["END_S", "WORKER_NAME", "let_go", "make_group", "remove_left_groups"]

WORKER_NAME: Final = "baleen-worker"
# How long a PID 1 that has been let go may take to end.
END_S: Final = 1.0
_PREFIX: Final = ".baleen-warm-"


def make_group(driver: CgroupDriver, parent: str) -> Cgroup | None:
    """A group below `parent`, without limits, of this process; None where none can be renamed."""
    try:
        return driver.create_ahead(f"{parent}/{_PREFIX}{os.getpid()}")
    except CgroupError:
        return None


def remove_left_groups(driver: CgroupDriver, parent: str) -> None:
    """Remove those groups below `parent` whose workers have ended; success means *are gone*.

    One in which something still runs is left to the next time.
    """
    for path in driver.below(parent):
        pid = path.rpartition(_PREFIX)[2] if _PREFIX in path else ""
        if pid.isdigit() and not _is_worker(pid):
            let_go(driver.open(path))


def let_go(group: Cgroup, timeout_s: float = 0) -> None:
    """Remove a group if what is in it ends in time; if not, whoever comes next does."""
    with contextlib.suppress(CgroupError):
        group.remove(timeout_s)


def _is_worker(pid: str) -> bool:
    """Whether it is a worker that lives; one of a killed shim may be unreaped for long."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        name, _, rest = os.read(fd, 512).partition(b"(")[2].rpartition(b")")
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return name == WORKER_NAME.encode() and rest.split()[:1] not in ([b"Z"], [b"X"])
