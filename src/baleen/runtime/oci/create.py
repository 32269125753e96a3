"""`create`: make a container whose process waits for `start`, and end."""

from __future__ import annotations

import contextlib

from baleen.runtime.oci.creation import create, ended_by_signals, write_pid_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute"]


def execute(invocation: Invocation) -> int:
    """Returns 0 when PID 1 is parked and has all but its program."""
    with ended_by_signals(), contextlib.ExitStack() as undo:
        made = create(invocation, undo, detached=True, parked=True)
        made.container.park()
        write_pid_file(invocation, made.record.pid)
        undo.pop_all()
    return 0
