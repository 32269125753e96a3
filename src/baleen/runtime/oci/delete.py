"""`delete`: take away what is left of a container.

The order makes a repetition after a kill -9 possible: processes, cgroup, and the state last.
"""

from __future__ import annotations

import contextlib
import select
import signal

from baleen.errors import DataLoss, FailedPrecondition, NotFound, Unavailable
from baleen.linux.process import pidfd_send_signal
from baleen.runtime.oci.access import group_of, hooks_of, open_init
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.fd import Fd
    from baleen.runtime.oci.commands import Invocation
    from baleen.runtime.oci.report import Report
    from baleen.runtime.oci.state import Entry, Record

__all__ = ["destroy", "execute"]

_DEATH_TIMEOUT_MS = 10_000


def execute(invocation: Invocation) -> int:
    """Returns 0 when it is gone; with --force a running one is killed, a missing one is no error.

    A container that was created and not started is not stopped either, but has nothing to lose:
    it is removed, as by runc.
    """
    force = invocation.options.flag("force")
    entry = Store(invocation.root).open(invocation.arguments[0])
    try:
        with entry.locked():
            try:
                values = entry.read()
            except DataLoss as error:
                if not force:
                    raise
                invocation.report.warning(str(error))
                entry.remove()
                return 0
            status = entry.status(values, group_of(values))
            if status not in ("stopped", "created") and not force:
                raise FailedPrecondition(
                    f"cannot delete container {entry.id} that is not stopped: {status}"
                )
            destroy(entry, values, invocation.report)
    except NotFound:
        if not force:
            raise
    return 0


def destroy(entry: Entry, values: Record, report: Report) -> None:
    """Kill what lives, remove the cgroup and the state."""
    group = group_of(values)
    complete = not values.creator
    with contextlib.suppress(FailedPrecondition):
        pidfd = open_init(values)
        with pidfd:
            pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
            if group is not None and complete:
                group.kill()  # even what is frozen
            _wait(pidfd, values)
    if group is not None:
        if complete:
            group.kill()
            group.remove()
        elif not group.pids():
            # Of a killed creator, with which all its processes died. Whether it had made the group
            # is not known: one with processes is another's.
            group.remove()
    hooks = hooks_of(entry, values)
    if hooks is not None:
        for warning in hooks.run_poststop():
            report.warning(warning)
    entry.remove()


def _wait(pidfd: Fd, values: Record) -> None:
    """Wait for the end of a process that is not our child, even if nobody reaps it."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(_DEATH_TIMEOUT_MS):
        raise Unavailable(f"process {values.pid} of container {values.id} does not die")
