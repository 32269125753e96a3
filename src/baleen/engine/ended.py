"""What fails because a container ended a moment ago is said to fail for that reason.

The record learns of an end by a message of the supervisor; until it is read, the record says
"running" while the process is gone and its control groups are removed.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Final

from baleen.errors import Conflict
from baleen.linux.cgroup import CgroupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.containers.record import ContainerRecord

__all__ = ["has_ended", "unless_ended"]

_PF_EXITING: Final = 0x4
_GONE: Final = frozenset({errno.ENOENT, errno.ENODEV})


@contextlib.contextmanager
def unless_ended(record: ContainerRecord) -> Iterator[None]:
    """Raise Conflict when what is done with the container's control group fails as it is gone."""
    try:
        yield
    except CgroupError as err:
        if err.errno not in _GONE and not has_ended(record.pid):
            raise
        raise Conflict(f"container {record.id} is not running") from err


def has_ended(pid: int) -> bool:
    """Whether the process is gone or on its way: its namespaces go before it is a zombie.

    See: proc_pid_stat(5), flags; PF_EXITING.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return True
    return fields[0] in (b"Z", b"X") or bool(int(fields[6]) & _PF_EXITING)
