"""`pause` and `resume`: the freezer of a container's cgroup."""

from __future__ import annotations

from baleen.errors import FailedPrecondition
from baleen.runtime.oci.access import group_of
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute"]


def execute(invocation: Invocation) -> int:
    """Returns 0 when all processes are stopped, or may run again."""
    entry = Store(invocation.root).open(invocation.arguments[0])
    with entry.locked():
        values = entry.read()
        group = group_of(values)
        status = entry.status(values, group)
        if invocation.command.name == "resume":
            if status != "paused" or group is None:
                raise FailedPrecondition("container not paused")
            group.thaw()
        else:
            if status not in ("created", "running") or group is None:
                raise FailedPrecondition("container not running")
            group.freeze()
    return 0
