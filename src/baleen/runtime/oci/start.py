"""`start`: let a created container's PID 1 execute its program."""

from __future__ import annotations

from baleen.errors import FailedPrecondition
from baleen.runtime.oci.access import group_of
from baleen.runtime.oci.parking import release
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute"]


def execute(invocation: Invocation) -> int:
    """Returns 0 when the program was executed; raises LaunchError if it could not be."""
    entry = Store(invocation.root).open(invocation.arguments[0])
    with entry.locked():
        values = entry.read()
        status = entry.status(values, group_of(values))
        if status == "stopped":
            raise FailedPrecondition("cannot start a container that has stopped")
        if status == "running":
            raise FailedPrecondition("cannot start an already running container")
        if status != "created":
            raise FailedPrecondition(f"cannot start a container in the {status} state")
        release(entry.directory)
        # poststart hooks belong here, with status running and the pid of `values`.
    return 0
