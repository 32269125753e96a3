"""`start`: let a created container's PID 1 execute its program."""

from __future__ import annotations

import signal

from baleen.errors import FailedPrecondition
from baleen.linux.process import pidfd_send_signal
from baleen.runtime.failure import LaunchError
from baleen.runtime.oci.access import group_of, hooks_of, open_init
from baleen.runtime.oci.parking import release
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation
    from baleen.runtime.oci.state import Entry, Record

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
        _run_poststart(entry, values)
    return 0


def _run_poststart(entry: Entry, values: Record) -> None:
    hooks = hooks_of(entry, values)
    if hooks is not None:
        try:
            hooks.run_on_host("poststart", "running", values.pid)
        except LaunchError:
            with open_init(values) as pidfd:
                pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
            raise
