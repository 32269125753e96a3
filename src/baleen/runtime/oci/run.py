"""`run`: create and start, and stay in the foreground until the container ends, or not."""

from __future__ import annotations

import contextlib

from baleen.runtime.foreground import caught_signals, relay
from baleen.runtime.oci.creation import create, ended_by_signals, write_pid_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute"]


def execute(invocation: Invocation) -> int:
    """Returns the container's exit code, or 0 when it was started with --detach.

    In the foreground the container ends with us, and what was made is gone afterwards, except its
    state with --keep.
    """
    if invocation.options.flag("detach"):
        with ended_by_signals(), contextlib.ExitStack() as undo:
            made = create(invocation, undo, detached=True, parked=False)
            made.container.start()
            write_pid_file(invocation, made.record.pid)
            undo.pop_all()
        return 0
    with caught_signals() as signals, contextlib.ExitStack() as undo:
        made = create(invocation, undo, detached=False, parked=False)
        made.container.start()
        write_pid_file(invocation, made.record.pid)
        code = relay(made.container, signals)
        if invocation.options.flag("keep"):
            undo.pop_all()
    return code
